"""Named Vaults: the sets of switches under which a client must work, because Vault may be so.

Must not know how a switch is obeyed. `default` is the documented Vault; every other profile changes
what its name says and nothing else. A client that passes under all of them does not depend on an
undocumented detail.
"""

from dataclasses import fields
from types import MappingProxyType

from .switches import Switches

PROFILES: MappingProxyType[str, Switches] = MappingProxyType(
    {
        "default": Switches(),
        # For demos, benchmarks and other people's test suites: no rule that costs waiting.
        "quick": Switches(
            job_queued_s=0.0,
            job_duration_s=0.0,
            job_poll_min_s=0.0,
            burst="off",
            auth_burst_limit=0,
        ),
        # Which numbers are true (vault-api.md 9.1, 9.2).
        "26.2": Switches(part_count_max=9616, part_max_bytes=52_000_000),
        "strict-decimal": Switches(part_max_bytes=50_000_000, item_max_bytes=50_000_000),
        # How errors travel (9.5, 9.6, 9.13).
        "raw-status": Switches(status_style="http", expired_login="bare-401"),
        "bare-401": Switches(expired_login="bare-401"),
        "errors-as-object": Switches(errors_shape="object"),
        "early-refusals": Switches(refusal_sent="before-body"),
        "burst-refused": Switches(burst="refuse"),
        "other-error-types": Switches(
            **{  # type: ignore[arg-type] # all of these are strings
                field.name: "UNEXPECTED_ERROR" for field in fields(Switches) if field.name.startswith("type_")
            }
        ),
        # Content-MD5 (9.3).
        "refuses-md5-base64": Switches(content_md5="hex"),
        "refuses-md5-hex": Switches(content_md5="base64"),
        "refuses-any-md5": Switches(content_md5="refused"),
        "ignores-md5": Switches(content_md5="ignored"),
        # Upload sessions: what is checked where.
        "parents-checked-at-create": Switches(session_parent="create"),
        "parents-checked-by-job": Switches(session_parent="job"),
        "parents-made": Switches(session_parent="made"),
        "collision-at-commit": Switches(session_collision="commit"),
        "collision-by-job": Switches(session_collision="job"),
        "parts-checked-late": Switches(parts_checked="after-body", unequal_parts="at-commit"),
        "session-until-job": Switches(session_after_commit="until-job", commit_url=True),
        "no-empty-sessions": Switches(zero_size_session="refused"),
        "few-fields": Switches(session_fields="few", session_id_style="dotted"),
        # Listings (9.7, 9.8, 9.10).
        "plain-listing": Switches(folder_slash=False, recursive_folders=False, list_missing="empty"),
        "prefix-listing": Switches(list_match="prefix", next_page_item=True),
        "next-page-from-root": Switches(next_page="from-root"),
        "next-page-from-version": Switches(next_page="from-version"),
        "next-page-typo": Switches(next_page="no-ampersand"),
        "busy-items-refused": Switches(busy_item="refused"),
        # Names.
        "case-insensitive": Switches(case_sensitive=False, unicode_nfc=True),
    }
)


def profile(name: str) -> Switches:
    """The switches of a profile.

    Raises:
        ValueError: no such profile; the text lists all.
    """
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ValueError(f"no profile {name!r}; there are: {known}") from None

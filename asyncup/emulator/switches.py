"""Every behaviour of Vault that may differ or that nobody documents, as one named switch.

Must not know how a switch is obeyed: this is the table, the rules live in the pure model.
"""

import re
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How this Vault behaves; the defaults are the documented Vault.

    The letter is vault-api.md's mark: D documented, C seen in code or live, U unknown (the default
    is a guess). Named sets of other values: `profiles`.

    Limits
        part_min_bytes: D. Least size of a part but the last; MB or MiB is U (9.2).
        part_max_bytes: D. Most of a part: "50 MB", taken as MiB by Veeva's own browser client.
        part_count_max: D. 2000 up to the 25.2 documents, 9616 in those of 26.2 (9.1).
        file_max_bytes: D. Most a session may declare.
        sessions_max: D. Active upload sessions of the whole Vault.
        session_life_s: D. From creation.
        session_life_extended: U. Whether a part starts the life anew.
        item_max_bytes: D. Most a POST of a file may carry.
        page_rows_max: D. Largest and default `limit` of a listing.
        cursor_life_s: D. How long a `next_page` works, from the first query.
        storage_quota_bytes: U. Most the whole Vault stores; 0 is no quota.
        bandwidth_bytes_s: U. Most bytes a second that one request's body is read at; 0 is no cap.

    Parts
        content_md5: U (9.3). Which form of the Content-MD5 request header is understood.
        upload_range: U (9.4). What a Range header on a part does.
        parts_checked: U. Number and size judged when the headers or when the bytes are in.
        unequal_parts: U. Where a part that is too small or of another size is refused.
        refusal_sent: U. Whether a refusal waits until the refused body has been read.

    Upload sessions
        session_id_style: C hex (live 2025), D dotted (samples).
        session_fields: U (9.9). Whether list and details show `name` and `overwrite`.
        zero_size_session: U. A session that declares no bytes.
        session_parent: U. Where a missing parent folder shows, or `made`: it is simply created.
        session_collision: U. Where an existing target without overwrite first shows.
        session_after_commit: U. Whether a committed session is seen until its job has ended.
        commit_url: C. Whether a commit's answer has the job's `url` too.

    Items
        list_missing: U. Listing a folder that is not there.
        list_match: U. A listing has what is in the folder, or also all whose path begins like the folder's (2.1).
        folder_slash: U (9.8). Folder rows of a listing end their path with a slash.
        recursive_folders: U (9.7). A recursive listing has folder rows.
        next_page: D absolute, C the relative forms; `no-ampersand` is the typo of 9.10.
        next_page_item: U. Whether the `next_page` of items keeps the listed path; D sample: no.
        busy_item: C. A move or delete while the item has an unfinished job.

    Names
        backslash_separates: C. A backslash in a path separates like a slash.
        name_max_bytes: U. 218 is documented for FTP only.
        path_max_bytes: U.
        case_sensitive: U.
        unicode_nfc: U. Names that differ in Unicode normalisation only are one name.

    Jobs
        job_queued_s: C. Time in QUEUED.
        job_duration_s: C. From request to end at the earliest.
        job_poll_min_s: D. Asked for sooner again: API_LIMIT_EXCEEDED. 0 switches the rule off.
        job_visible_to: U. Who may ask for a job.

    Calls
        burst: D delay, D refuse (before v20), or off. Beyond the limit of a 5-minute window.
        burst_limit: D. An example's value; every Vault has its own.
        burst_window_s: D.
        burst_delay_ms: D.
        burst_scope: U (9.12).
        burst_counts_staging: U. Whether file staging calls count and carry the headers.
        auth_burst_limit: D. Logins per user name and minute; delays from half of it on.
        lockout_after: U. Wrong passwords in a row that lock a user out; 0 is never.
        login_idle_s: D. A login not used that long is over; 10 minutes to 8 hours.
        login_max_s: D. The longest life of a login.
        login_lands_on: D. Host of another Vault that logins end up in (auth defaulting); "" is off.
        client_id_needed: D. Calls without X-VaultAPI-ClientID are refused.

    Answers
        status_style: U (9.5). `documented`: errors are HTTP 200; `http`: they have a status.
        expired_login: U (9.6). 200 with INVALID_SESSION_ID, or a bare 401.
        unknown_url_status: C. Status of MALFORMED_URL.
        errors_shape: D. `errors` as a list, or as the one object that a page shows.
        type_session_unknown: U. Error type: no such upload session, or it has expired.
        type_sessions_full: U. Error type: one session too many.
        type_not_owner: U. Error type: somebody else's upload session.
        type_part_order: U. Error type: a gap in the part numbers.
        type_part_size: U. Error type: a part too small, too large, or of another size.
        type_part_number: U. Error type: a number that no part can have.
        type_md5: U. Error type: a Content-MD5 that is wrong or not understood.
        type_commit: U. Error type: a commit with bytes missing, or a second one.
        type_item_missing: U. Error type: no such item or parent folder (its text is C).
    """

    part_min_bytes: int = 5 * MIB
    part_max_bytes: int = 50 * MIB
    part_count_max: int = 2000
    file_max_bytes: int = 500 * 10**9
    sessions_max: int = 50
    session_life_s: float = 72 * 3600
    session_life_extended: bool = False
    item_max_bytes: int = 50 * MIB
    page_rows_max: int = 1000
    cursor_life_s: float = 30 * 60
    storage_quota_bytes: int = 0
    bandwidth_bytes_s: int = 0

    content_md5: Literal["hex+base64", "hex", "base64", "refused", "ignored"] = "hex+base64"
    upload_range: Literal["ignored", "refused"] = "ignored"
    parts_checked: Literal["before-body", "after-body"] = "before-body"
    unequal_parts: Literal["at-part", "at-commit"] = "at-part"
    refusal_sent: Literal["after-body", "before-body"] = "after-body"

    session_id_style: Literal["hex", "dotted"] = "hex"
    session_fields: Literal["all", "few"] = "all"
    zero_size_session: Literal["accepted", "refused"] = "accepted"
    session_parent: Literal["create", "commit", "job", "made"] = "commit"
    session_collision: Literal["create", "commit", "job"] = "create"
    session_after_commit: Literal["gone", "until-job"] = "gone"
    commit_url: bool = False

    list_missing: Literal["refused", "empty"] = "refused"
    list_match: Literal["folder", "prefix"] = "folder"
    folder_slash: bool = True
    recursive_folders: bool = True
    next_page: Literal["absolute", "from-root", "from-version", "no-ampersand"] = "absolute"
    next_page_item: bool = False
    busy_item: Literal["no-job-id", "refused", "allowed"] = "no-job-id"

    backslash_separates: bool = True
    name_max_bytes: int = 218
    path_max_bytes: int = 2048
    case_sensitive: bool = True
    unicode_nfc: bool = False

    job_queued_s: float = 0.05
    job_duration_s: float = 0.2
    job_poll_min_s: float = 10.0
    job_visible_to: Literal["anyone", "owner"] = "anyone"

    burst: Literal["delay", "refuse", "off"] = "delay"
    burst_limit: int = 2000
    burst_window_s: float = 300.0
    burst_delay_ms: int = 500
    burst_scope: Literal["vault", "user"] = "vault"
    burst_counts_staging: bool = True
    auth_burst_limit: int = 20
    lockout_after: int = 5
    login_idle_s: float = 20 * 60
    login_max_s: float = 48 * 3600
    login_lands_on: str = ""
    client_id_needed: bool = False

    status_style: Literal["documented", "http"] = "documented"
    expired_login: Literal["failure", "bare-401"] = "failure"
    unknown_url_status: int = 404
    errors_shape: Literal["list", "object"] = "list"
    type_session_unknown: str = "INVALID_DATA"
    type_sessions_full: str = "OPERATION_NOT_ALLOWED"
    type_not_owner: str = "INSUFFICIENT_ACCESS"
    type_part_order: str = "OPERATION_NOT_ALLOWED"
    type_part_size: str = "INVALID_DATA"
    type_part_number: str = "INVALID_DATA"
    type_md5: str = "INVALID_DATA"
    type_commit: str = "OPERATION_NOT_ALLOWED"
    type_item_missing: str = "INVALID_DATA"


_LINE = re.compile(r"^ +(\w+): (.+)$", re.MULTILINE)


def switch_table() -> list[tuple[str, str, str]]:
    """Every switch as (name, default and other values, what it is), for a help page."""
    texts = dict(_LINE.findall(Switches.__doc__ or ""))
    rows = []
    for name, hint in _hints().items():
        others = get_args(hint)
        default = _default(name)
        values = [str(default), *(str(other) for other in others if other != default)]
        rows.append((name, " | ".join(values), texts[name]))
    return rows


def parse_switch(text: str) -> dict[str, Any]:
    """`name=value` as keyword argument of `Switches` or `dataclasses.replace`.

    Raises:
        ValueError: no such switch, or not one of its values.
    """
    name, separator, value = text.partition("=")
    name, value = name.strip(), value.strip()
    hint = _hints().get(name)
    if hint is None or not separator:
        raise ValueError(f"{text!r} is not SWITCH=VALUE with a switch of the emulator")
    if get_args(hint):
        if value not in get_args(hint):
            raise ValueError(f"{name} is one of {', '.join(get_args(hint))}, not {value!r}")
        return {name: value}
    if hint is bool:
        if value.lower() not in {"true", "false"}:
            raise ValueError(f"{name} is true or false, not {value!r}")
        return {name: value.lower() == "true"}
    try:
        return {name: hint(value)}
    except ValueError:
        raise ValueError(f"{name} is a number, not {value!r}") from None


def _hints() -> dict[str, Any]:
    return get_type_hints(Switches)


def _default(name: str) -> Any:  # noqa: ANN401 - whatever the switch's type is
    return next(field.default for field in fields(Switches) if field.name == name)

"""Upload sessions: the rules of parts, sizes and order, as a pure model.

Must not know bytes, disks, HTTP, time or randomness: sizes, digests, instants and ids are
arguments. Error types that no source names are switches (`type_...`); most of the texts are made
up, those of a real Vault are marked.

A part is judged twice. `admit` answers what its headers already tell; `hold` judges again when
its bytes are in, because another request may have changed the session meanwhile.
"""

from dataclasses import dataclass, field

from .refusal import Refusal
from .switches import Switches


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    size: int
    md5: str


@dataclass(slots=True)
class UploadSession:
    """One session. Its parts always are 1 to n without a gap, because the order is enforced."""

    id: str
    path: str
    owner: int
    size: int
    overwrite: bool
    created_at: float
    expires_at: float
    last_uploaded_at: float
    parts: dict[int, Part] = field(default_factory=dict)
    committed: bool = False
    uploaded: int = 0
    """Bytes held: the sum over `parts`, kept because a session may have thousands."""

    def in_order(self) -> list[Part]:
        return [self.parts[number] for number in sorted(self.parts)]

    def admit(self, number: int, size: int, switches: Switches) -> None:
        """Raise what number and size say against a part."""
        self._check_number(number, switches)
        if size > switches.part_max_bytes:
            # Documented limit.
            raise _size(f"A file part has at most {switches.part_max_bytes} bytes", switches)
        total = self.uploaded - self._held_size(number) + size
        is_complete = bool(self.parts) and self.uploaded == self.size
        if total > self.size or (number > len(self.parts) and is_complete):
            # Type and text are a real Vault's (vault-api.md 1.4, seen live).
            raise Refusal("OPERATION_NOT_ALLOWED", "Unable to upload additional file parts/bytes")
        # The last part is the one that completes the declared size: only it is free (documented).
        is_last = number >= len(self.parts) and total == self.size
        if switches.unequal_parts == "at-part" and not is_last:
            self._check_size(number, size, switches)

    def hold(self, part: Part, now: float, switches: Switches) -> None:
        """Take a part whose bytes are in; one of the same number is overwritten (documented)."""
        self.admit(part.number, part.size, switches)
        self.uploaded += part.size - self._held_size(part.number)
        self.parts[part.number] = part
        self.last_uploaded_at = now
        if switches.session_life_extended:
            self.expires_at = now + switches.session_life_s

    def commit(self, switches: Switches) -> None:
        """Close the session for parts. Refused unless it holds exactly what it declared."""
        if self.committed:
            raise Refusal(switches.type_commit, "The upload session is already committed")
        if self.uploaded != self.size:
            raise Refusal(
                switches.type_commit,
                f"The upload session holds {self.uploaded} of {self.size} bytes",
            )
        for part in self.in_order()[:-1]:
            _check_least(part.size, switches)
            _check_equal(part.size, self.parts[1].size, switches)
        self.committed = True

    def _held_size(self, number: int) -> int:
        held = self.parts.get(number)
        return held.size if held else 0

    def _check_number(self, number: int, switches: Switches) -> None:
        if self.committed:
            raise Refusal(switches.type_commit, "The upload session is already committed")
        if not 1 <= number <= switches.part_count_max:
            # Documented limit.
            raise Refusal(
                switches.type_part_number,
                f"The file part number must be between 1 and {switches.part_count_max}",
            )
        if number > len(self.parts) + 1:
            # Documented rule.
            raise Refusal(
                switches.type_part_order,
                f"File part {number} cannot be uploaded before part {len(self.parts) + 1}",
            )

    def _check_size(self, number: int, size: int, switches: Switches) -> None:
        """All parts but the last have one size and at least the least size (documented)."""
        _check_least(size, switches)
        # Followed by others, an overwritten part keeps its size; any other is as the first one,
        # which alone is free to change while nothing follows it.
        model = self.parts.get(number if number < len(self.parts) else 1)
        is_alone = number == len(self.parts) == 1
        if model is not None and not is_alone:
            _check_equal(size, model.size, switches)


def _check_least(size: int, switches: Switches) -> None:
    if size < switches.part_min_bytes:
        least = switches.part_min_bytes
        raise _size(f"All file parts but the last have at least {least} bytes", switches)


def _check_equal(size: int, others: int, switches: Switches) -> None:
    if size != others:
        raise _size(f"All file parts but the last have {others} bytes", switches)


def _size(message: str, switches: Switches) -> Refusal:
    return Refusal(switches.type_part_size, message)

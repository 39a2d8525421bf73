"""Reading form fields: urlencoded and multipart alike, because real clients send both.

Must not know which fields an endpoint wants; unknown ones are ignored (vault-api.md 1.2).
"""

from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web
from aiohttp.multipart import MultipartReader

from .intake import Shape, drain, form_pieces, take_in
from .refusal import Refusal, missing_parameter
from .store import Sink

FIELD_MAX_BYTES = 1 << 16


@dataclass(slots=True)
class Form:
    fields: dict[str, str] = field(default_factory=dict)
    file_size: int | None = None
    """Bytes of the file field, which went into the sink; None without such a field."""

    def need(self, name: str) -> str:
        value = self.fields.get(name, "")
        if not value:
            raise missing_parameter(name)
        return value

    def flag(self, name: str) -> bool:
        """`true` or `false`, whatever the case; false when absent."""
        return self.fields.get(name, "false").strip().lower() == "true"

    def number(self, name: str) -> int:
        text = self.need(name).strip()
        if not (text.isascii() and text.isdigit()):
            raise Refusal("INVALID_DATA", f"Invalid value for parameter [{name}]")
        return int(text)


async def read_form(
    request: web.BaseRequest, sink: Sink | None = None, most: int = 0, shape: Shape | None = None
) -> Form:
    """All fields of a form body; the bytes of a field named `file` go into `sink`."""
    form = Form()
    if request.content_type == "application/x-www-form-urlencoded":
        for name, value in (await request.post()).items():
            form.fields.setdefault(name, str(value))
    elif request.content_type.startswith("multipart/"):
        try:
            await _read_multipart(await request.multipart(), form, sink, most, shape)
        except (ValueError, AssertionError) as error:
            raise Refusal("INVALID_DATA", f"The multipart body cannot be read: {error}") from error
    await drain(request.content)
    return form


async def _read_multipart(
    reader: MultipartReader, form: Form, sink: Sink | None, most: int, shape: Shape | None
) -> None:
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise Refusal("INVALID_DATA", "A multipart body inside another is not understood")
        if sink is not None and part.name == "file" and form.file_size is None:
            form.file_size = await take_in(form_pieces(part), sink, most, shape)
        else:
            text = bytes(await part.read()) if part.filename is None else b""
            value = text[:FIELD_MAX_BYTES].decode(errors="replace")
            form.fields.setdefault(part.name or "", value)

"""The XML form of an answer, for callers that send `Accept: application/xml`.

Must not know what an answer means. Vault documents that there is XML, not how it looks: the root
elements of logins and versions and the `<vault>` inside `vaultIds` were seen in a connector's
manual (Informatica, Veeva connector), the other names are guesses.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from .endpoints import Endpoint

ROOTS = {
    Endpoint.AUTH: "VersionedAuthRestResult",
    Endpoint.OAUTH: "VersionedAuthRestResult",
    Endpoint.VERSIONS: "MapRestResult",
}
OTHER_ROOT = "VaultRestResult"
ELEMENTS = {"vaultIds": "vault", "errors": "error", "users": "user", "jobs": "job", "links": "link"}
OTHER_ELEMENT = "item"


def to_xml(fields: Mapping[str, Any], endpoint: Endpoint) -> bytes:
    root = ET.Element(ROOTS.get(endpoint, OTHER_ROOT))
    _fill(root, fields)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _fill(element: ET.Element, value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _fill(ET.SubElement(element, str(name)), inner)
    elif isinstance(value, list | tuple):
        name = ELEMENTS.get(element.tag, OTHER_ELEMENT)
        for inner in value:
            # A list of {"user": {...}} has the element's name already.
            is_named = isinstance(inner, Mapping) and list(inner) == [name]
            _fill(element if is_named else ET.SubElement(element, name), inner)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    elif value is not None:
        element.text = str(value)

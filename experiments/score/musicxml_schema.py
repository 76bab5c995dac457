"""The schema of MusicXML 4.0, from the package `musicxml`, without the network."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from lxml import etree

# The schema imports two others by their address; the package leaves them out.
XLINK = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
    targetNamespace="http://www.w3.org/1999/xlink">
  <xs:attribute name="href" type="xs:anyURI"/>
  <xs:attribute name="type" type="xs:string"/>
  <xs:attribute name="role" type="xs:string"/>
  <xs:attribute name="title" type="xs:string"/>
  <xs:attribute name="show" type="xs:string"/>
  <xs:attribute name="actuate" type="xs:string"/>
</xs:schema>"""
XML = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
    targetNamespace="http://www.w3.org/XML/1998/namespace">
  <xs:attribute name="lang" type="xs:language"/>
  <xs:attribute name="space" type="xs:NCName"/>
</xs:schema>"""
ADDRESS = "http://www.musicxml.org/xsd/"


@cache
def _schema() -> etree.XMLSchema:
    """The schema, with copies of what it imports beside it."""
    packaged = files("musicxml") / "generate_classes"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = (packaged / "musicxml_4_0.xsd").read_text("utf-8")
        (folder / "musicxml.xsd").write_text(text.replace(ADDRESS, ""), "utf-8")
        (folder / "xml.xsd").write_text(XML, "utf-8")
        (folder / "xlink.xsd").write_text(XLINK, "utf-8")
        return etree.XMLSchema(etree.parse(folder / "musicxml.xsd"))


def schema_errors(document: bytes) -> list[str]:
    """What is not valid in a MusicXML document; empty where all is."""
    schema = _schema()
    schema.validate(etree.fromstring(document, etree.XMLParser(no_network=True, load_dtd=False)))
    return [f"line {error.line}: {error.message}" for error in schema.error_log]

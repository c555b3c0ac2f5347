"""PDF files for tests: harmless ones, and ones that do more than show pages."""

import io
from collections.abc import Callable

import pypdf
from fpdf import FPDF
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)


def a_pdf(text: str = "We train a classifier.", *, pages: int = 1) -> bytes:
    """Return a PDF with a line of text on each page."""
    sheet = FPDF()
    for _ in range(pages):
        sheet.add_page()
        sheet.set_font("helvetica", size=12)
        sheet.cell(text=text)
    return bytes(sheet.output())


def changed(change: Callable[[pypdf.PdfWriter], object]) -> bytes:
    """Return a PDF after something was done to it."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(a_pdf()))
    change(writer)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def names(**facts: object) -> DictionaryObject:
    """Return a dictionary of a PDF; texts that begin with a slash are names."""
    return DictionaryObject(
        {
            NameObject(f"/{key}"): NameObject(value)
            if isinstance(value, str) and value.startswith("/")
            else TextStringObject(value)
            if isinstance(value, str)
            else value
            for key, value in facts.items()
        }
    )


def with_script() -> bytes:
    action = names(S="/JavaScript", JS="app.alert(1)")
    return changed(lambda writer: writer.root_object.update({NameObject("/OpenAction"): action}))


def with_file() -> bytes:
    return changed(lambda writer: writer.add_attachment("virus.exe", b"MZ"))


def with_password() -> bytes:
    return changed(lambda writer: writer.encrypt("secret"))


def open_but_encrypted() -> bytes:
    return changed(lambda writer: writer.encrypt("", owner_password="secret"))


def with_launch() -> bytes:
    """Return a PDF with a link that starts a program, its kind of action in another object."""

    def add(writer: pypdf.PdfWriter) -> None:
        kind = writer._add_object(NameObject("/Launch"))
        action = names(Type="/Action", S=kind, F="/bin/sh")
        box = ArrayObject([NumberObject(each) for each in (0, 0, 99, 99)])
        link = names(Type="/Annot", Subtype="/Link", Rect=box, A=action)
        writer.pages[0][NameObject("/Annots")] = ArrayObject([link])

    return changed(add)


def with_hidden_script() -> bytes:
    """Return a PDF with a script that no page leads to, its kind written in another way."""
    script = changed(lambda writer: writer._add_object(names(S="/XXXavaScript")))
    return script.replace(b"XXXavaScript", b"#4aavaScript")


def without_pages() -> bytes:
    return changed(lambda writer: writer.remove_page(0))


def with_packed_objects(packed: bytes) -> bytes:
    """Return a PDF whose objects lie in a stream that is packed."""
    head = b"%PDF-1.5\n"
    stream = b"1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length "
    stream += b"%d>>\nstream\n%b\nendstream\nendobj\n" % (len(packed), packed)
    at = len(head + stream)
    rows = b"".join(
        kind.to_bytes(1, "big") + place.to_bytes(4, "big") + number.to_bytes(1, "big")
        for kind, place, number in ((1, len(head), 0), (2, 1, 0), (1, at, 0))
    )
    index = b"3 0 obj\n<</Type/XRef/Index[1 3]/W[1 4 1]/Size 4/Root 2 0 R/Length "
    index += b"%d>>\nstream\n%b\nendstream\nendobj\n" % (len(rows), rows)
    return head + stream + index + b"startxref\n%d\n%%%%EOF\n" % at

#!/usr/bin/env python3
"""Builds the binary sample documents (PDF, DOCX, GB18030 text) from source/*.md.

  python3 make_samples.py           write the files beside this script
  python3 make_samples.py --check   compare with the files that are there; exit 1 on a difference

Standard library only. The output is the same byte for byte on every machine: no time stamps, no
compression. Source markup: '# ' title, '## ' section, '| a | b |' table rows (first row = header),
anything else one paragraph a line.
"""
import argparse
import io
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent

# (source, output, writer)
FILES = [
    ("offshore-safety.md", "energy/鹭沙海上风电场出海作业安全规程.pdf", "pdf-zh"),
    ("boiler-defects.md", "energy/青岬热电厂2号锅炉缺陷记录.docx", "docx"),
    ("spot-strategy.md", "energy/2026年四季度现货交易策略备忘.docx", "docx"),
    ("claims-guideline.md", "finance/ostermere-motor-claims-guideline.pdf", "pdf-en"),
    ("account-limits.md", "finance/栎江银行个人账户分级与限额管理办法.docx", "docx"),
    ("broadband-service.md", "telecom/岚桥通信家庭宽带装维服务规范.txt", "gb18030"),
    ("private-5g-sla.md", "telecom/岚桥5G企业专网服务等级说明.pdf", "pdf-zh"),
    ("public-rental-housing.md", "government/澹州市公共租赁住房申请与轮候办法.docx", "docx"),
    ("market-stall-licence.md", "government/harrowmere-street-trading-guide.pdf", "pdf-en"),
]


def parse(text):
    """Source text to blocks: ("title" | "heading" | "paragraph", str) and ("table", rows)."""
    blocks = []
    for line in text.splitlines():
        line = line.strip()
        if not line:
            continue
        if line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if blocks and blocks[-1][0] == "table":
                blocks[-1][1].append(row)
            else:
                blocks.append(("table", [row]))
        elif line.startswith("## "):
            blocks.append(("heading", line[3:]))
        elif line.startswith("# "):
            blocks.append(("title", line[2:]))
        else:
            blocks.append(("paragraph", line))
    return blocks


# ---- plain text ---------------------------------------------------------------------------------


def write_gb18030(blocks):
    lines = []
    for kind, body in blocks:
        if kind == "table":
            lines += ["\t".join(row) for row in body]
        else:
            lines.append(body)
        if kind in ("title", "table"):
            lines.append("")
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


# ---- DOCX ---------------------------------------------------------------------------------------

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.document.main+xml"/>'
    '<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.styles+xml"/>'
    "</Types>")
PACKAGE_RELS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="word/document.xml"/></Relationships>')
DOCUMENT_RELS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/styles" Target="styles.xml"/></Relationships>')
STYLES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    f'<w:styles xmlns:w="{W}">'
    '<w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/>'
    '<w:rPr><w:b/><w:sz w:val="36"/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/>'
    '<w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:rPr><w:b/><w:sz w:val="28"/></w:rPr></w:style>'
    "</w:styles>")


def docx_paragraph(text, style=None):
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return (f'<w:p>{properties}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>')


def docx_table(rows):
    cells = lambda row: "".join(f"<w:tc><w:tcPr/>{docx_paragraph(cell)}</w:tc>" for cell in row)
    grid = "".join("<w:gridCol/>" for _ in rows[0])
    header = f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cells(rows[0])}</w:tr>"
    body = "".join(f"<w:tr>{cells(row)}</w:tr>" for row in rows[1:])
    return f"<w:tbl><w:tblPr/><w:tblGrid>{grid}</w:tblGrid>{header}{body}</w:tbl><w:p/>"


def write_docx(blocks):
    styles = {"title": "Title", "heading": "Heading1", "paragraph": None}
    body = "".join(docx_table(content) if kind == "table" else docx_paragraph(content, styles[kind])
                   for kind, content in blocks)
    document = ('<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
                f'<w:document xmlns:w="{W}"><w:body>{body}'
                '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>')
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for name, text in (("[Content_Types].xml", CONTENT_TYPES), ("_rels/.rels", PACKAGE_RELS),
                           ("word/document.xml", document),
                           ("word/_rels/document.xml.rels", DOCUMENT_RELS),
                           ("word/styles.xml", STYLES)):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            package.writestr(info, text.encode("utf-8"))
    return out.getvalue()


# ---- PDF ----------------------------------------------------------------------------------------

# Advance widths of Helvetica for the code points 32..126, in 1/1000 em (Adobe's published metrics).
HELVETICA = (
    [278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278] + [556] * 10 +
    [278, 278, 584, 584, 584, 556, 1015] +
    [667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,
     611, 722, 667, 944, 667, 667, 611] + [278, 278, 278, 469, 556, 333] +
    [556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
     278, 556, 500, 722, 500, 500, 500] + [334, 260, 334, 584])
PAGE_W, PAGE_H, MARGIN = 595, 842, 64


class EnglishFont:
    objects = [b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]

    @staticmethod
    def width(text, size):
        return sum(HELVETICA[ord(c) - 32] if " " <= c <= "~" else 556 for c in text) * size / 1000

    @staticmethod
    def encode(text):
        raw = text.encode("cp1252")
        return b"(" + b"".join(b"\\" + bytes([b]) if b in b"()\\" else bytes([b]) for b in raw) + b")"

    @staticmethod
    def pieces(text):
        """What a line may be broken into."""
        words = text.split(" ")
        return [word + " " for word in words[:-1]] + words[-1:]


def adobe_gb1_cid(c):
    """CID of a GB 2312 character in the Adobe-GB1 collection (Adobe Technical Note #5079)."""
    if c == " ":
        return 7716
    if c.isascii():
        return 814 + ord(c) - 0x21
    row, cell = c.encode("gb2312")
    if row == 0xA1:
        base = 96
    elif row == 0xA3:
        base = 262
    elif 0xB0 <= row <= 0xD7:
        base = 940 + 94 * (row - 0xB0)
    elif 0xD8 <= row <= 0xF7:
        base = 4695 + 94 * (row - 0xD8)
    else:
        raise ValueError(f"{c!r}: row {row:#x} of GB 2312 is not mapped; choose another character")
    return base + cell - 0xA1


class ChineseFont:
    """A reference to the CID font every PDF viewer brings for simplified Chinese; nothing embedded.
    The ToUnicode map lets a text extractor without the Adobe-GB1 tables read it too."""

    def __init__(self, text):
        characters = sorted(set(text), key=adobe_gb1_cid)
        entries = [b"<%04x> <%04x>" % (adobe_gb1_cid(c), ord(c)) for c in characters]
        groups = [entries[i:i + 100] for i in range(0, len(entries), 100)]
        cmap = (b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
                b"/CMapName /Hadal-Sample def /CMapType 2 def\n"
                b"1 begincodespacerange <0000> <ffff> endcodespacerange\n" +
                b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(g), b"\n".join(g))
                         for g in groups) + b"endcmap end end")
        # Objects 4 to 7 of the file, in this order: EnglishFont has object 4 only.
        self.objects = [
            b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /Identity-H "
            b"/DescendantFonts [5 0 R] /ToUnicode 7 0 R >>",
            b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo "
            b"<< /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /DW 1000 "
            b"/W [814 907 500 7716 7716 500] /FontDescriptor 6 0 R >>",
            b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] "
            b"/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap),
        ]

    @staticmethod
    def width(text, size):
        return sum(0.5 if c.isascii() else 1.0 for c in text) * size

    @staticmethod
    def encode(text):
        return b"<" + b"".join(b"%04x" % adobe_gb1_cid(c) for c in text) + b">"

    @staticmethod
    def pieces(text):
        """Single characters, numbers and Latin words whole, no line starting with a closing mark."""
        out = []
        for c in text:
            latin = c.isascii() and not c.isspace()
            if out and ((latin and out[-1][-1].isascii()) or c in "，。；：、）”》！？%"):
                out[-1] += c
            else:
                out.append(c)
        return out


def wrap(text, font, size, width):
    lines, line = [], ""
    for piece in font.pieces(text):
        if line and font.width(line + piece.rstrip(), size) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return lines + [line.rstrip()]


class PdfPages:
    """Lays lines out from the top of A4 pages downwards."""

    def __init__(self, font):
        self.font, self.pages, self.y = font, [], 0
        self.new_page()

    def new_page(self):
        self.pages.append([])
        self.y = PAGE_H - MARGIN

    def line(self, cells, size, leading):
        """One line of (x, text) cells."""
        if self.y - leading < MARGIN:
            self.new_page()
        self.y -= leading
        for x, text in cells:
            self.pages[-1].append(b"BT /F1 %d Tf %d %d Td %s Tj ET" %
                                  (size, x, self.y, self.font.encode(text)))

    def text(self, text, size, before, width=PAGE_W - 2 * MARGIN):
        self.y -= before
        for line in wrap(text, self.font, size, width):
            self.line([(MARGIN, line)], size, size * 3 // 2)

    def table(self, rows, size=10):
        self.y -= 6
        gap = 10
        natural = [max(self.font.width(row[i], size) for row in rows) for i in range(len(rows[0]))]
        room = PAGE_W - 2 * MARGIN - gap * (len(natural) - 1)
        scale = min(1.0, room / sum(natural))
        widths = [w * scale for w in natural]
        for row in rows:
            wrapped = [wrap(cell, self.font, size, w + 1) for cell, w in zip(row, widths)]
            for i in range(max(map(len, wrapped))):
                x, cells = float(MARGIN), []
                for lines, w in zip(wrapped, widths):
                    if i < len(lines):
                        cells.append((int(x), lines[i]))
                    x += w + gap
                self.line(cells, size, size * 3 // 2)
        self.y -= 4


def all_text(blocks):
    return "".join("".join(map("".join, body)) if kind == "table" else body for kind, body in blocks)


def write_pdf(blocks, font, language):
    layout = PdfPages(font)
    for kind, body in blocks:
        if kind == "table":
            layout.table(body)
        else:
            size, before = {"title": (16, 0), "heading": (13, 10), "paragraph": (11, 4)}[kind]
            layout.text(body, size, before)
    title = next(body for kind, body in blocks if kind == "title")
    first_page = 4 + len(font.objects)
    kids = b" ".join(b"%d 0 R" % (first_page + 2 * i) for i in range(len(layout.pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (%s) >>" % language,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(layout.pages)),
        b"<< /Title <feff%s> >>" % title.encode("utf-16-be").hex().encode(),
    ]
    objects += font.objects
    for lines in layout.pages:
        content = b"\n".join(lines)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 4 0 R >> "
            b">> /Contents %d 0 R >>" % (PAGE_W, PAGE_H, len(objects) + 2))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += (b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" %
            (len(objects) + 1, xref))
    return bytes(out)


WRITERS = {
    "gb18030": write_gb18030,
    "docx": write_docx,
    "pdf-en": lambda blocks: write_pdf(blocks, EnglishFont(), b"en"),
    "pdf-zh": lambda blocks: write_pdf(blocks, ChineseFont(all_text(blocks)), b"zh-CN"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    arguments = parser.parse_args()
    stale = []
    for source, output, writer in FILES:
        made = WRITERS[writer](parse((HERE / "source" / source).read_text("utf-8")))
        path = HERE / output
        if arguments.check:
            if not path.exists() or path.read_bytes() != made:
                stale.append(output)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(made)
    for output in stale:
        print(f"{output}: differs from what make_samples.py builds; run make_samples.py",
              file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""Pages of every format become passages with heading and source, and what is hidden in them does not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from kits.support.source.block import Block, clean_line
from kits.support.source.knowledge import PASSAGE_WIDTH, cut_passages, load_knowledge, parse_page, read_page
from kits.support.source.markup import read_html, read_markdown
from kits.support.source.office import read_docx, read_pdf
from kits.support.source.plain import read_plain

SAMPLE = Path(__file__).parents[4] / "sample_data" / "support"


def kinds(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]


def make_pdf(lines: list[tuple[int, str]]) -> bytes:
    """A PDF of one page with lines of text in given sizes, written by hand: no library here writes text."""
    content = "BT 40 760 Td " + " ".join(f"/F1 {size} Tf ({text}) Tj 0 -30 Td" for size, text in lines) + " ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return (body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + table + trailer).encode("latin-1")


def test_html_gives_what_a_person_sees_in_its_order() -> None:
    page = """<html><head><title>Fees</title><style>p{}</style></head><body><nav>Home</nav><main><h1>Fees</h1>
      <p>It costs <b>€6</b>.<br>Always.</p><h2>Cash</h2>Loose text<ul><li>one</li><li>two <em>more</em></li></ul>
      <table><tr><th>Limit</th><th>Private</th></tr><tr><td>Cash</td><td>€1,000</td></tr></table></main>
      <footer>© us</footer></body></html>"""
    assert kinds(read_html(page)) == [
        ("heading", "Fees"), ("text", "It costs €6. Always."), ("heading", "Cash"), ("text", "Loose text"),
        ("item", "one"), ("item", "two more"), ("row", "Cash: Private €1,000"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>SECRET</script>", "<style>SECRET</style>", "<!-- SECRET -->", "<p hidden>SECRET</p>",
        "<div style='display:none'>SECRET</div>", "<span style='Visibility : Hidden'>SECRET</span>",
        "<p style='opacity:0'>SECRET</p>", "<p style='font-size:0px'>SECRET</p>", "<p aria-hidden=true>SECRET</p>",
        "<div style='position:absolute;left:-9999px'>SECRET</div>", "<iframe>SECRET</iframe>", "<svg>SECRET</svg>",
        "<template>SECRET</template>", "<noscript>SECRET</noscript>", "<button>SECRET</button>",
        "<table><tr hidden><td>SECRET</td></tr></table>", "<ul><li style='display: none'>SECRET</li></ul>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["<p>seen</p>{}", "<div><p>seen {} too</p></div>", "<main>seen {}</main>"])
def test_hidden_text_is_no_part_of_a_page(hidden: str, around: str) -> None:
    for blocks in (read_html(around.format(hidden)), read_markdown("# T\n\nseen\n\n" + around.format(hidden))):
        assert "seen" in " ".join(block.text for block in blocks)
        assert "SECRET" not in " ".join(block.text for block in blocks)


def test_page_nested_without_end_is_refused_and_not_followed() -> None:
    with pytest.raises(DataError):
        read_html("<div><p>a</p>" * 240 + "x")


def test_markdown_keeps_headings_lists_and_tables() -> None:
    page = "---\ntitle: x\n---\n# Cash\n\nA *b* [link](javascript:alert(1)).\n\n- one\n\n"
    page += "| | Private |\n|---|---|\n| Day | €5 |\n"
    assert kinds(read_markdown(page)) == [
        ("heading", "Cash"), ("text", "A b [link](javascript:alert(1))."), ("item", "one"), ("row", "Day: Private €5"),
    ]  # fmt: skip


def test_plain_text_knows_headings_in_capitals_underlined_and_in_brackets() -> None:
    text = (
        "THE PIN\nFour digits,\nno more.\n\nBlocked pin\n-----------\n1. Wait.\n   A day.\n\n【费用】\n每次\n15欧元。\n"
    )
    assert kinds(read_plain(text)) == [
        ("heading", "THE PIN"), ("text", "Four digits, no more."), ("heading", "Blocked pin"), ("item", "Wait. A day."),
        ("heading", "费用"), ("text", "每次15欧元。"),
    ]  # fmt: skip


def test_pdf_takes_larger_type_for_headings_and_knows_the_page() -> None:
    blocks = read_pdf(make_pdf([(24, "Card fees"), (11, "A new card costs 6 euros."), (16, "Abroad"), (11, "Free.")]))
    assert kinds(blocks) == [
        ("heading", "Card fees"), ("text", "A new card costs 6 euros."), ("heading", "Abroad"), ("text", "Free."),
    ]  # fmt: skip
    assert [block.level for block in blocks] == [1, 0, 2, 0]
    assert {block.page for block in blocks} == {1}


def test_pdf_without_text_and_damaged_files_are_refused() -> None:
    with pytest.raises(DataError, match="without text"):
        read_pdf(make_pdf([]))
    with pytest.raises(DataError, match="not readable as PDF"):
        read_pdf(b"%PDF-1.4 nothing")
    with pytest.raises(DataError, match="not readable as a Word document"):
        read_docx(b"PK nothing")


def test_word_document_gives_headings_lists_and_tables(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("Loans", 0)
    document.add_heading("Rates", 1)
    document.add_paragraph("From 4 %.")
    document.add_paragraph("first", style="List Bullet")
    hidden = document.add_paragraph().add_run("SECRET")
    hidden.font.hidden = True
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ("", "Rate", "Car", "5 %"), strict=True):
        cell.text = text
    stream = io.BytesIO()
    document.save(stream)
    assert kinds(read_docx(stream.getvalue())) == [
        ("heading", "Loans"), ("heading", "Rates"), ("text", "From 4 %."), ("item", "first"), ("row", "Car: Rate 5 %"),
    ]  # fmt: skip


def test_word_document_that_unpacks_to_too_much_is_not_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 250_000_000)
    with pytest.raises(DataError, match="unpacks to too much"):
        read_docx(stream.getvalue())


@pytest.mark.parametrize(("folder", "locale"), [("knowledge", "en"), ("knowledge_zh", "zh")])
def test_pages_of_the_sample_become_passages_that_know_where_they_stand(folder: str, locale: str) -> None:
    loaded = load_knowledge(SAMPLE / folder)
    assert loaded.rejected == []
    files = {file.name for file in (SAMPLE / folder).iterdir()}
    assert {passage.source for passage in loaded.items} == files
    assert {passage.locale for passage in loaded.items} == {locale}
    assert len({passage.id for passage in loaded.items}) == len(loaded.items)
    assert all(passage.heading and passage.id.startswith(f"{passage.source}#") for passage in loaded.items)
    assert sum(len(passage.heading) > 1 for passage in loaded.items) > len(loaded.items) / 2


def test_folder_reports_what_it_cannot_read_and_follows_no_link_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("SECRET", encoding="utf-8")
    pages = tmp_path / "pages"
    (pages / "sub").mkdir(parents=True)
    (pages / "sub" / "a.txt").write_text("TITLE\nsome text", encoding="utf-8")
    (pages / "b.pdf").write_bytes(b"%PDF-1.4 broken")
    (pages / "empty.md").write_text("", encoding="utf-8")
    (pages / "link.txt").symlink_to(tmp_path / "outside.txt")
    (pages / ".hidden.txt").write_text("SECRET", encoding="utf-8")
    loaded = load_knowledge(pages)
    assert [(p.id, p.heading, p.text) for p in loaded.items] == [("sub/a.txt#title-1", ("TITLE",), "some text")]
    assert sorted(Path(r.place).name for r in loaded.rejected) == ["b.pdf", "empty.md"]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no page could be read"):
        load_knowledge(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        load_knowledge(tmp_path / "absent")
    (tmp_path / "a.xls").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="not a kind of page"):
        read_page(tmp_path / "a.xls", "a.xls")


def test_pages_in_older_encodings_are_read() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gb18030"):
        (passage,) = parse_page(
            "【费用】\n每次跨行转账收取十五欧元，个人客户每月前五笔免费。".encode(encoding), "a.txt"
        )
        assert passage.text.startswith("每次跨行转账")
        assert passage.heading == ("费用",)


@given(st.lists(st.tuples(st.sampled_from(["heading", "text", "item", "row"]), st.text(max_size=2000)), max_size=12))
def test_passages_keep_every_word_and_are_never_longer_than_asked(parts: list[tuple[str, str]]) -> None:
    blocks = [Block(kind, line, 2) for kind, text in parts if (line := clean_line(text))]  # type: ignore[arg-type]
    passages = cut_passages(blocks, "page.txt")
    said = "".join("".join(block.text.split()) for block in blocks if block.kind != "heading")
    kept = "".join("".join(line.removeprefix("- ").split()) for p in passages for line in p.text.split("\n"))
    assert sorted(kept.replace("-", "")) == sorted(said.replace("-", ""))
    assert len({passage.id for passage in passages}) == len(passages)
    assert all(len(passage.text) <= PASSAGE_WIDTH + 2 * len(passage.text.split("\n")) for passage in passages)


@given(st.text())
def test_any_text_is_read_in_any_format(text: str) -> None:
    for read in (read_plain, read_html, read_markdown):
        for block in read(text):
            assert block.text == clean_line(block.text) != ""

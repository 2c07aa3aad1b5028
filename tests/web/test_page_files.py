"""The page's second view, in a real browser."""

import pytest

from biosyn.web.backend import Backend

SAID = "document.getElementById('file-message').textContent"
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
PUBTATOR = "1|t|Ataxia in children\n1|a|None.\n1\t0\t6\tAtaxia\tDisease\n\n"


@pytest.fixture
def files_page(page, start_server, make_backend, tiny_dictionary):
    """The second view of a demo that is ready, and a function that sends a file: name, content."""
    page.open(f"{start_server(make_backend(tiny_dictionary, file_mentions=500))[0]}?view=file")
    page.wait_for("!document.getElementById('card').hidden")
    return page


@pytest.fixture
def send_file(files_page, tmp_path):
    """Function: name, content, column -> the file goes to the server; returns when it is answered."""

    def call(name, content, column="mention"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        files_page.choose_file(path)
        files_page.value(f"document.getElementById('column').value = '{column}'")
        files_page.value("document.querySelector('#upload button').click()")
        files_page.wait_for(f"{SAID} && !{SAID}.startsWith('Linking')")

    return call


def rows(page):
    return page.value("[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))")


def test_a_table_comes_back_linked(files_page, send_file):
    send_file("m.csv", f'id,disease\n1,"ataxia"\n2,--\n3,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n', column="disease")
    assert files_page.value(SAID) == "2 of 3 mentions are linked; 1 cannot be."
    first, bad, hostile = rows(files_page)
    assert first[:3] == ["ataxia", "ataxia", "MeSH D001259"]
    assert bad == ["--", "the mention holds no letter or digit"]
    assert hostile[0] == HOSTILE
    assert files_page.value("document.querySelectorAll('main img').length") == 0
    assert files_page.value("document.getElementById('download').download") == "linked-m.csv"


def test_a_calibrated_model_shows_probabilities_in_place_of_scores(
    page, start_server, make_linker, tiny_dictionary, calibrated_checkpoint, tmp_path
):
    from biosyn.web.service import Service

    linker = make_linker(tiny_dictionary, calibrated_checkpoint)
    backend = Backend()
    backend.service = Service(linker, model_name="calibrated")
    page.open(f"{start_server(backend)[0]}?view=file")
    page.wait_for("!document.getElementById('card').hidden")
    path = tmp_path / "m.txt"
    path.write_text("ataxia\n--\n")
    page.choose_file(path)
    page.value("document.querySelector('#upload button').click()")
    page.wait_for("document.querySelector('tbody tr')")
    ataxia, bad = rows(page)
    (prediction,) = linker.link(["ataxia"], topk=1)
    assert ataxia[3] == f"{round(100 * prediction.probability)} %"
    assert bad == ["--", "the mention holds no letter or digit"]
    assert page.texts("th")[3] == "Likely"


def test_what_is_downloaded_is_the_linked_file(files_page, send_file, tmp_path):
    files_page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "got"))
    send_file("m.txt", "Sjögren ataxia\n\nasthma\n")
    files_page.value("document.getElementById('download').click()")
    path = tmp_path / "got" / "linked-m.txt"
    files_page.wait_until(path.exists)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert [line.split("\t")[0] for line in lines] == ["Sjögren ataxia", "", "asthma", ""]
    assert lines[2].split("\t")[1:3] == ["MESH:D001249", "asthma"]


def test_pubtator_is_known_by_its_content(files_page, send_file):
    send_file("abstracts.txt", PUBTATOR)
    assert [row[:3] for row in rows(files_page)] == [["Ataxia", "ataxia", "MeSH D001259"]]


def test_a_file_that_cannot_be_linked_shows_why(files_page, send_file):
    send_file("m.csv", "a,b\n1,2\n")
    assert "has no column 'mention'" in files_page.value(SAID)
    assert files_page.value("document.getElementById('rows').hidden")
    send_file("n.txt", "ataxia\n")  # and the next one is taken
    assert len(rows(files_page)) == 1


def test_a_long_file_is_shown_in_part(files_page, send_file):
    send_file("m.txt", "ataxia\n" * 300)
    assert "300 of 300 mentions are linked; the first 200 are shown." in files_page.value(SAID)
    assert len(rows(files_page)) == 200

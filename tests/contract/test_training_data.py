"""What `./prelude data check` refuses; our own messages are checked in tests/terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli import app as cli
from bot.language.near_duplicates import find_duplicates
from bot.language.training_data import (
    find_families,
    find_known,
    known_intents,
    read_messages,
)

# What is refused


def example(text: str, **metadata: Any) -> dict[str, Any]:
    return {"text": text, "metadata": {"writer": "A", "trade": "shoes", **metadata}}


def write(folder: Path, intent: str, *examples: dict[str, Any]) -> Path:
    """Write a file of training messages; the n-th one stands on line 1 + 4 * n."""
    lines = ["version: '3.1'", "nlu:", f"- intent: {intent}", "  examples:"]
    for each in examples:
        lines += ["  - text: |", f"      {each['text']}"]
        lines += ["    metadata:", f"      {json.dumps(each['metadata'], ensure_ascii=False)}"]
    path = folder / f"{intent}.yml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> tuple[int, str]:
    """Run `./prelude data check`; return its exit code and what it said."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("sys.argv", ["prelude", "data", "check", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


COMPLAINT = {"reaction": "calm", "harm": []}
BAD_LABELS = {
    "unknown intent": ("objection_colour", example("太贵了吧"), "'objection_colour' is not in"),
    "unknown also": ("greet", example("在吗", also=["gossip"]), "also: 'gossip'"),
    "also is the intent itself": ("greet", example("在吗", also=["greet"]), "also: 'greet'"),
    "no writer": ("greet", {"text": "在吗", "metadata": {"trade": "shoes"}}, "`writer`"),
    "empty writer": ("greet", example("在吗", writer=""), "metadata.writer"),
    "no trade": ("greet", {"text": "在吗", "metadata": {"writer": "A"}}, "`trade`"),
    "unknown field": ("greet", example("在吗", mood="good"), "`mood`"),
    "unknown reaction": (
        "complaint_other",
        example("投诉你们", reaction="happy", harm=[]),
        "'happy' - at `$.metadata.reaction`",
    ),
    "unknown harm": (
        "complaint_other",
        example("投诉你们", reaction="calm", harm=["moral"]),
        "'moral' - at `$.metadata.harm[0]`",
    ),
    "complaint without reaction": ("complaint_other", example("投诉你们", harm=[]), "reaction: "),
    "complaint without harm": (
        "complaint_other",
        example("投诉你们", reaction="calm"),
        "harm: complaints have it",
    ),
    "reaction of no complaint": ("greet", example("在吗", reaction="calm"), "reaction: "),
    "feedback of no objection": ("greet", example("在吗", feedback="doubt"), "feedback: "),
    "empty text": ("greet", example("  "), "$.text"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_label_is_refused_with_file_line_and_field(case: str, tmp_path: Path) -> None:
    intent, bad, expected = BAD_LABELS[case]
    good = example("你们这鞋子咋洗", **(COMPLAINT if intent.startswith("complaint_") else {}))
    path = write(tmp_path, intent, good, bad)
    _, findings = read_messages(tmp_path)
    [reason] = [each.reason for each in findings if each.place == f"{path}:9"]
    assert expected in reason and "docs/labels.md" in reason


def test_every_label_of_the_guide_is_taken(tmp_path: Path) -> None:
    complaint = example("你们等着", reaction="angry", harm=["mental"], threat=["media"])
    write(tmp_path, "complaint_other", complaint, example("烦死了", **COMPLAINT, also=["deny"]))
    write(tmp_path, "objection_price", example("太贵", genre="shop", feedback="doubt"))
    messages, findings = read_messages(tmp_path)
    assert (len(messages), findings) == (3, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nlu: [", r"bad\.yml:\d+: is not valid YAML"),
        ("version: '3.1'\nnlu:\n- intent: greet\n  examples: |\n    - 在吗\n", r"bad\.yml:4: "),
        ("version: '3.1'\nnlu:\n- examples: []\n", r"bad\.yml:3: .*`intent`"),
        ("version: '3.1'\nnlu: []\nstory: []\n", r"bad\.yml:1: .*`story`"),
    ],
)
def test_file_in_another_form_is_refused_with_its_line(
    text: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "bad.yml").write_text(text, encoding="utf-8")
    code, said = check(capsys, monkeypatch, "--data", tmp_path)
    assert code == 1
    assert re.search(expected, said)


def test_folder_without_messages_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = check(capsys, monkeypatch, "--data", tmp_path)
    assert (code, "no training message" in said) == (1, True)


def test_equal_and_near_messages_are_refused_with_both_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    greetings = [example("在吗老板"), example("在吗老板呀！"), example("老板娘今天下午在不在店里")]
    path = write(tmp_path, "greet", *greetings, example("老板娘今天下午在不在店里头"))
    other = write(tmp_path, "thank", example("在吗，老板"))
    code, said = check(capsys, monkeypatch, "--data", tmp_path)
    assert code == 1
    assert "3 findings" in said
    assert re.search(rf"{path}:9 +too like {path}:5 \(equal\)", said)
    assert re.search(rf"{path}:17 +too like {path}:13 \(trigram Jaccard 0\.\d+\)", said)
    assert re.search(rf"{other}:5 +too like {path}:5 \(equal\)", said)


def test_near_duplicates_are_found() -> None:
    doubled = [("greet", "在吗老板"), ("greet", "在吗老板呀"), ("thank", "在吗老板！")]
    assert len(find_duplicates(doubled)) == 2


PRODUCTS = ["电饭煲", "空气炸锅", "加湿器", "吹风机", "豆浆机"]


@pytest.mark.parametrize(
    "template",
    ["我买的{}怎么开不了机", "{}能不能再便宜点", "想问问你家的{}", "{}太贵了{}块行不行"],
)
def test_family_of_one_template_is_found(template: str) -> None:
    made = [template.format(name, 120 + 7 * n) for n, name in enumerate(PRODUCTS)]
    others = ["这都几天了还不发货", "明天要穿的裙子呢", "为啥不回我消息"]
    families = list(find_families([*others, *made]))
    assert [places for _, places in families] == [[3, 4, 5, 6, 7]]
    assert families[0][0] == re.sub(r"\d+", "0", template.replace("{}块", "0块")).replace("{}", "…")


@pytest.mark.parametrize(
    "messages",
    [
        ["我买的电饭煲怎么开不了机", "我买的加湿器怎么开不了机", "我买的吹风机怎么开不了机"],
        ["能便宜点不", "能便宜点吗老板", "便宜点我就要", "便宜点呗", "再便宜点嘛"],
        ["谢谢老板", "谢谢亲", "谢谢客服小姐姐", "谢谢你啊", "谢谢啦"],
        [
            "上个月在你家买的锅底下糊了一层怎么刷都刷不掉",
            "上个月在你家买的裙子洗了一水缩得只能给闺女穿",
            "上个月在你家买的书架到现在还差一包螺丝没给补",
            "上个月在你家买的猫粮我家那位祖宗闻一下扭头就走",
        ],
    ],
    ids=["only three", "short frames", "one word", "long after a common beginning"],
)
def test_natural_messages_are_no_family(messages: list[str]) -> None:
    assert list(find_families(messages)) == []


def test_template_is_refused_within_one_writer_and_intent_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        f"我想问问你家的{name}"
        for name in ["砂锅有没有盖", "电饭煲怎么保修", "伞骨几根来着", "鞋掉色吗"]
    ]
    path = write(tmp_path, "ask_product", *(example(text) for text in texts))
    code, said = check(capsys, monkeypatch, "--data", tmp_path)
    assert code == 1
    place = re.escape(str(path))
    assert re.search(rf"{place}:5 +template '我想问问你家的…' of writer A, also {place}:9", said)
    write(tmp_path, "ask_product", *(example(text, writer=text[-1]) for text in texts))
    assert check(capsys, monkeypatch, "--data", tmp_path)[0] == 0


@pytest.mark.parametrize("is_jsonl", [True, False])
def test_message_of_the_other_file_is_refused_and_its_text_never_told(
    is_jsonl: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "nlu"
    folder.mkdir()
    path = write(folder, "objection_price", example("隔壁才卖九十呢。"), example("忒贵了吧"))
    private = ["别的话", "隔壁纔賣九十！"]
    lines = [
        json.dumps({"text": each, "intent": "greet"}) if is_jsonl else each for each in private
    ]
    other = tmp_path / ("private.jsonl" if is_jsonl else "private.txt")
    other.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, said = check(capsys, monkeypatch, "--data", folder, "--against", other)
    assert code == 1
    assert re.search(rf"{path}:5 +stands in {other}:2; delete it", said)
    assert "1 findings" in said
    assert "九十" not in said and "別的話" not in said and "别的话" not in said


def test_bad_line_of_the_other_file_is_named_without_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "private.jsonl"
    other.write_text('{"text": "好"}\n{"message": "秘密"}\n', encoding="utf-8")
    folder = tmp_path / "nlu"
    folder.mkdir()
    write(folder, "greet", example("在吗"))
    code, said = check(capsys, monkeypatch, "--data", folder, "--against", other)
    assert code == 1
    assert f"{other}:2: " in said and "`text`" in said and "秘密" not in said


def test_summary_counts_messages_writers_and_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "greet", example("在吗"), example("老板好", writer="B", trade="hats"))
    write(tmp_path, "thank", example("谢了"))
    code, said = check(capsys, monkeypatch, "--data", tmp_path)
    assert code == 0
    assert re.search(r"greet +2\b", said) and re.search(r"thank +1\b", said)
    assert "3 messages, 2 writers, 2 trades: all right" in said


def test_places_are_those_of_an_editor(tmp_path: Path) -> None:
    path = write(tmp_path, "greet", example("在吗"), example("老板好"))
    lines = path.read_text(encoding="utf-8").splitlines()
    for message in read_messages(tmp_path)[0]:
        line = int(message.place.rpartition(":")[2])
        assert lines[line - 1] == "  - text: |" and lines[line].strip() == message.text


def test_domain_is_where_intents_are_known() -> None:
    domain = yaml.safe_load((Path(__file__).parents[2] / "domain.yml").read_text("utf-8"))
    assert known_intents() == {name for entry in domain["intents"] for name in entry}


def test_read_messages_leave_wrong_ones_out_of_what_is_compared(tmp_path: Path) -> None:
    write(tmp_path, "greet", example("在吗"), example("在吗", mood="good"))
    messages, findings = read_messages(tmp_path)
    assert (len(messages), len(findings)) == (1, 1)
    assert list(find_known(messages, write(tmp_path, "thank", example("谢了")))) == []

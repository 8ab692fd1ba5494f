"""What the trained parts promise: the same result every time, honest numbers, and their reasons."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasa.shared.utils.io
import yaml
from rasa.core.actions.action import RemoteAction
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from spacy.tokens import Doc

from bot.engine import patches
from bot.knowledge.entity_patterns import EntityPatterns
from bot.knowledge.shop import load_shop
from bot.language import document
from bot.language.document import ENTITIES, MessageReader, concepts_of, product_names
from bot.language.lexicon import ConceptMatcher
from bot.language.signs import find_refusal
from bot.nlu.features import MessageFeatures
from bot.nlu.intent_model import IntentModel
from bot.nlu.sales_featurizer import SalesFeaturizer
from bot.nlu.sales_intent_classifier import SalesIntentClassifier
from bot.services.application import Application
from bot.services.player import PlayedTurn, Player
from bot.settings import ROOT, Settings
from tests.conversations.runner import JourneyRunner

pytestmark = pytest.mark.model

TEXTS = 200
EVERY = 5  # of the training messages one in five is enough for what is shown here
FOLDS = 3
MACRO_F1_FLOOR = 0.5

# Messages with entities, written for this test: text → what is in it.
WITH_ENTITIES = [
    ("我的电话是13800138000", {("phone", "13800138000")}),
    ("打 138 0013 8000 找我", {("phone", "138 0013 8000")}),
    ("订单号20261120123456，还没发货", {("order_number", "20261120123456")}),
    ("单号是SF1234567890", {("order_number", "SF1234567890")}),
    ("P261122-4K7QX2-H处理得怎么样了", {("case_number", "P261122-4K7QX2-H")}),
    ("别家才卖199元", {("amount", "199")}),
    ("预算就三百块", {("amount", "三百")}),
    ("明天下午送到可以吗", {("date", "明天下午")}),
    ("双十一还会便宜吗", {("date", "双十一")}),
    ("我12月3号搬家", {("date", "12月3号")}),
    ("加湿器太贵了", {("product", "humidifier")}),
    ("你们的电饭锅多大", {("product", "rice_cooker")}),
    ("吹风机和台灯一起买", {("product", "hair_dryer"), ("product", "desk_lamp")}),
    ("别推销了", {("refusal", "stop")}),
    ("拉黑了，别再发了", {("refusal", "stop")}),
]


@dataclass(frozen=True)
class Examples:
    """The training messages."""

    texts: list[str]
    docs: list[Doc]
    labels: Any
    writers: list[str]

    def take(self, chosen: Any) -> Examples:
        return Examples(
            [self.texts[each] for each in chosen],
            [self.docs[each] for each in chosen],
            self.labels[chosen],
            [self.writers[each] for each in chosen],
        )


@lru_cache(maxsize=1)
def examples() -> Examples:
    reader = MessageReader()
    texts, labels, writers = [], [], []
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for family in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["nlu"]:
            for example in family.get("examples", ()) if "intent" in family else ():
                texts.append(example["text"].strip())
                labels.append(family["intent"])
                writers.append(example["metadata"]["writer"])
    docs = [reader.read(text, with_entities=False) for text in texts[::EVERY]]
    return Examples(texts[::EVERY], docs, np.array(labels[::EVERY]), writers[::EVERY])


@dataclass(frozen=True)
class Trained:
    """Features and intents, as the graph joins them."""

    features: MessageFeatures
    intents: IntentModel

    def rank(self, doc: Doc) -> list[dict[str, Any]]:
        return self.intents.rank(self.features.transform([doc]))


def trained(data: Examples) -> Trained:
    config = {
        **SalesFeaturizer.get_default_config(),
        **SalesIntentClassifier.get_default_config(),
    }
    features = MessageFeatures(config).fit(data.docs)
    intents = IntentModel(config)
    intents.fit(features.transform(data.docs), data.labels, data.writers)
    return Trained(features, intents)


def reader_of_the_sample_shop() -> MessageReader:
    reader = MessageReader()
    reader.know_products(product_names(load_shop(Settings().shop_dir).products))
    return reader


def entities_of(reader: MessageReader, text: str) -> set[tuple[str, str]]:
    doc = reader.read(text)
    found = {(span.label_, span.id_) for span in doc.spans[ENTITIES]}
    if find_refusal(concepts_of(doc), "") == "stop":
        found.add(("refusal", "stop"))
    return found


def entity_recall(reader: MessageReader) -> float:
    wanted = sum(len(entities) for _, entities in WITH_ENTITIES)
    got = sum(len(entities & entities_of(reader, text)) for text, entities in WITH_ENTITIES)
    return got / wanted


@pytest.mark.parametrize("name", ["complaints", "talk"])
def test_quick_data_reading_gives_what_rasas_own_gives(name: str) -> None:
    text = (ROOT / "data" / "nlu" / f"{name}.yml").read_text(encoding="utf-8")
    start, *some = text.split("- intent:")[:4]
    cut = start + "".join(f"- intent:{_beginning(block)}" for block in some)
    expected = rasa.shared.utils.io.read_yaml(cut)
    with patches.quick_data_reading():
        assert rasa.shared.utils.io.read_yaml(cut) == expected
        assert patches.is_nlu_file(cut)
        assert not patches.is_nlu_file((ROOT / "domain.yml").read_text(encoding="utf-8"))


def _beginning(block: str) -> str:
    """Return the first messages of an intent; Rasa's own reader takes minutes for all."""
    return "\n  - text".join(block.split("\n  - text")[:60]) + "\n"


def test_two_trainings_predict_the_same_bytes_and_confidences_sum_to_one_at_most() -> None:
    part = data = examples()
    chosen = data.docs[:: max(len(data.docs) // TEXTS, 1)][:TEXTS]
    first, second = trained(part), trained(part)
    rankings, again = ([model.rank(doc) for doc in chosen] for model in (first, second))
    assert len(rankings) == TEXTS
    assert json.dumps(rankings).encode() == json.dumps(again).encode()
    for ranking in rankings:
        shares = [each["confidence"] for each in ranking]
        assert sum(shares) <= 1 + 1e-9 and min(shares) >= 0
        assert shares == sorted(shares, reverse=True)


def test_matchers_find_the_entities_and_without_them_recall_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_all = entity_recall(reader_of_the_sample_shop())
    without_products = entity_recall(MessageReader())
    monkeypatch.setattr(document, "load_entity_patterns", EntityPatterns)
    without_patterns = entity_recall(reader_of_the_sample_shop())
    concepts_too = MessageReader()
    monkeypatch.setattr(concepts_too, "_matcher", ConceptMatcher({}, {}, ()))
    assert with_all == 1.0
    assert 0 < without_products < with_all
    assert 0 < without_patterns < with_all
    assert entity_recall(concepts_too) == 0


def test_macro_f1_on_writers_held_out_is_above_the_floor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = examples()
    predicted = np.empty(len(data.labels), dtype=object)
    for train, held_out in GroupKFold(FOLDS).split(data.texts, data.labels, data.writers):
        model = trained(data.take(train))
        for index in held_out:
            ranking = model.rank(data.docs[index])
            predicted[index] = ranking[0]["name"] if ranking else "nlu_fallback"
    macro_f1 = f1_score(data.labels, predicted.astype(str), average="macro")
    with capsys.disabled():
        count, writers = len(data.labels), len(set(data.writers))
        print(f"\nmacro-F1, writers held out: {macro_f1:.3f} ({count} messages, {writers} writers)")
    assert macro_f1 > MACRO_F1_FLOOR


def test_patched_source_is_the_one_that_was_looked_at() -> None:
    assert patches.source_hash_of_validation() == patches.PATCHED_SOURCE_SHA256


@pytest.fixture
def unpatched() -> Iterator[None]:
    patched = RemoteAction._validate_action_result
    patches.restore_action_validation()
    yield
    RemoteAction._validate_action_result = patched


def verdict(result: Any) -> str:
    action = RemoteAction("action_any", None)
    try:
        return "accepted" if action._validate_action_result(result) else "refused"
    except jsonschema.ValidationError:
        return "refused"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"events": [], "responses": []}, "accepted"),
        ({}, "accepted"),
        ({"events": [{"event": "slot", "name": "a", "value": 1}], "responses": []}, "accepted"),
        ({"events": [{"event": "slot"}]}, None),
        ({"events": [{}]}, None),
        ({"events": "none"}, "refused"),
        ({"responses": {}}, "refused"),
        ({"responses": [{"response": "utter_greet", "name": "x"}]}, "accepted"),
        ({"responses": ["utter_greet"]}, "refused"),
        ([], "refused"),
        (None, "refused"),
    ],
)
def test_patched_validator_judges_as_the_original(
    unpatched: None, result: Any, expected: str | None
) -> None:
    original = verdict(result)
    patches.speed_up_action_validation()
    assert verdict(result) == original
    if expected is not None:
        assert original == expected


def play(app: Application, player: Player, *lines: str) -> list[PlayedTurn]:
    async def main() -> list[PlayedTurn]:
        return [await player.say(line) for line in lines]

    return asyncio.run(main())


def snapshot_of(app: Application, player: Player) -> str:
    text = app.database.read(lambda uow: uow.conversations.get(player.conversation_id).snapshot)
    assert text is not None
    return text


def test_rule_policy_names_the_rules_behind_a_step(runner: JourneyRunner) -> None:
    with runner.application("rule-names") as app:
        player = Player(app)
        (turn,) = play(app, player, "你好")
        told = asyncio.run(app.explain(player.conversation_id))
    assert turn.sources == ["greet", "greet"]
    steps = [(step["action"], step["policy"]) for step in told["turns"][0]["steps"]]
    assert [action for action, _ in steps] == ["utter_greet", "action_listen"]
    assert all("SalesRulePolicy" in policy for _, policy in steps)


def test_story_policy_names_the_story_behind_a_step(runner: JourneyRunner) -> None:
    with runner.application("story-names") as app:
        player = Player(app)
        *_, turn = play(app, player, "加湿器太贵了", "可以接受", "可以接受")
    assert "the customer says it is settled" in turn.sources


FROM_ANOTHER_MODEL = [
    {"event": "slot", "name": "a_slot_of_old", "value": "kept"},
    {"event": "active_loop", "name": "a_form_of_old"},
    {"event": "user", "text": "old", "parse_data": {"intent": {"name": "an_intent_of_old"}}},
    {"event": "action", "name": "action_of_old"},
]


@pytest.mark.parametrize("text", ["可以接受", "谢谢", "不能接受", "加湿器还是太贵了"])
def test_snapshot_of_another_domain_is_read_as_far_as_this_one_knows_it(
    runner: JourneyRunner, text: str
) -> None:
    expected: PlayedTurn | None = None
    for name, fingerprint in (("same", None), ("other", "a domain that no longer is")):
        with runner.application(f"domain-{name}-{len(text)}-{ord(text[0])}") as app:
            player = Player(app)
            play(app, player, "你好", "加湿器太贵了")
            if fingerprint is not None:
                data = json.loads(snapshot_of(app, player)) | {"domain": fingerprint}
                data["events"] += FROM_ANOTHER_MODEL
                app.database.write(
                    lambda uow, data=data, player=player: uow.conversations.update_fields(
                        player.conversation_id, snapshot=json.dumps(data)
                    )
                )
            (turn,) = play(app, player, text)
        if expected is None:
            expected = turn
    assert expected is not None
    assert (turn.step, turn.objections) == (expected.step, expected.objections)


def test_snapshot_of_a_long_conversation_stays_small(runner: JourneyRunner) -> None:
    lines = ["加湿器太贵了", "几天能到", "好的", "可以接受", "谢谢"]
    sizes = []
    with runner.application("long") as app:
        player = Player(app)
        for number in range(30):
            play(app, player, lines[number % len(lines)])
            sizes.append(len(snapshot_of(app, player).encode()))
    assert max(sizes[10:]) <= 1.25 * max(sizes[:10])
    assert max(sizes) < 16 * 1024

"""`./prelude bench crm` on PostgreSQL: on a given server, whose databases it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.bench import crm
from bot.bench.crm import AIMS, Size
from tests.crash.test_bench_crm import (  # noqa: F401
    shop,
    speech,
    test_filled_shop_is_one_that_services_could_have_written,
    test_frequent_words_are_in_every_third_case_and_rare_ones_in_ten,
    test_services_write_on_where_the_bench_has_left_off,
)
from tests.postgres.cluster import Cluster


def databases(cluster: Cluster) -> set[object]:
    with cluster.connect("postgres") as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_run_on_a_given_server_drops_what_it_made(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crm, "READS", 4)
    monkeypatch.setattr(crm, "WRITES", 4)
    before = databases(cluster)
    url = cluster.url("postgres")
    crm.run(tmp_path / "told.json", Size(1000, 100, 40), url, ("postgresql",))
    assert databases(cluster) == before
    told = json.loads((tmp_path / "told.json").read_text())
    assert len(told["ratios"]) == len(AIMS) + 3
    assert told["imports"][0]["day counts equal a recount"]

"""A short run on real brains with annotated cells, where they are at hand."""

import json

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.slow

# Annotated cells that a candidate must reach, at no more than four candidates for each.
RECALL = {"695": 0.95, "1147": 0.95, "1008": 0.88}


@pytest.mark.cfos
def test_cfos_from_volume_to_report(new_checkout, shared_data):
    checkout = new_checkout()
    (checkout.folder / "data").symlink_to(shared_data)
    example = checkout.folder / "config" / "examples" / "cfos" / "config.yaml"
    config = yaml.safe_load(example.read_text()) | {"arms": ["small"], "results": "results"}
    config["training"] |= {"epochs": 1}
    (checkout.folder / "small.yaml").write_text(yaml.safe_dump(config))
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    for brain, recall in RECALL.items():
        labels = json.loads((checkout.results / "brains" / brain / "labels.json").read_text())
        assert labels["recall"] >= recall
        assert labels["candidates"] <= 4 * labels["annotated"]
    table = pd.read_csv(checkout.results / "evaluation" / "end_to_end.csv")
    locked = table[(table["arm"] == "small") & (table["brain"].astype(str) == "1008")]
    assert set(locked["metric"]) == {"precision", "recall", "f1"}
    assert (locked["scores"] == "locked").all()

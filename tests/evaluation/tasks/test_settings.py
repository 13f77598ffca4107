import pytest
from pydantic import ValidationError

from seewhy.base.errors import UsageError
from seewhy.evaluation.tasks.settings import TASKS, EvaluationSettings


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_usual_methods(task):
    settings = EvaluationSettings(task=task, dataset="scenes")
    usual = settings.chosen_methods
    assert EvaluationSettings(task=task, dataset="scenes", methods=usual).methods == usual


def test_how_it_runs_and_where_is_not_recorded():
    settings = EvaluationSettings(task="maps", dataset="voc", root="/a", workers=3, parts="/b")
    assert not {"workers", "parts", "root", "progress", "shard_images"} & settings.recorded().keys()
    assert settings.recorded()["seed"] == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"task": "maps", "unlabelled": "dropped"}, "`unlabelled` is for tagging, not for maps"),
        ({"task": "tagging", "redundant": ("x",)}, "maps and points and camouflage"),
        ({"task": "tagging", "methods": ("raw",)}, "'raw' is no method of tagging"),
        ({"task": "maps", "methods": ("raw", "raw")}, "named twice"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(values, told):
    with pytest.raises(UsageError, match=told):
        EvaluationSettings(dataset="scenes", **values)


def test_unknown_names_are_refused():
    with pytest.raises(ValidationError):
        EvaluationSettings(task="maps", dataset="imagenet")

from seewhy.audit.running import pass_options
from seewhy.audit.settings import AuditSettings


def test_settings_say_how_the_passes_run(tmp_path):
    settings = AuditSettings(
        parts=tmp_path, shard_images=7, workers=2, engine="ray", address="h:1", progress=True
    )
    options = pass_options(settings)
    assert options.store is not None
    assert options.store.folder == tmp_path
    assert (options.shard_images, options.workers, options.progress) == (7, 2, True)
    assert (options.engine, options.address) == ("ray", "h:1")
    assert pass_options(AuditSettings()).store is None


def test_how_it_runs_is_not_recorded():
    recorded = AuditSettings(workers=3, engine="ray", memory="2GB", approximate="bf16").recorded()
    assert recorded["memory"] == 2_000_000_000
    assert recorded["approximate"] == "bf16"
    assert not {"workers", "engine", "address", "parts", "progress"} & recorded.keys()

"""A job over a whole data source: shard by shard, resumable, in this process or on Ray."""

from collections.abc import Sequence

from seewhy.base.errors import UsageError
from seewhy.data.records import ImageRecord
from seewhy.passes.options import PassOptions
from seewhy.passes.ray import run_on_ray
from seewhy.passes.shards import Job, Part, shards_of
from seewhy.passes.work import at_work, without_store


def run_job(job: Job, records: Sequence[ImageRecord], options: PassOptions) -> Part:
    """What a job makes of all records; the same bit for bit wherever it was interrupted.

    With a store, a run that was killed goes on where it stopped, and a finished one is read. At
    most two parts are in memory beside the shard at work. `DataError` that the job raises itself
    ends the run, as everything else does; the parts made so far stay.
    """
    if not records:
        raise UsageError("there are no images to run on.")
    shards = shards_of(records, options.shard_images)
    if options.engine == "ray":
        return run_on_ray(job, shards, options)
    if options.store is None and len(shards) == 1:
        return without_store(job, shards[0], options)
    with at_work(job, shards, options) as (work, root):
        work.complete(root)
        return work.result(root)

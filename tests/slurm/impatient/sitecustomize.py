"""Python reads this as it starts. The driver's plugin asks ever less often; here it shall not."""

import sys

if "--profile" in sys.orig_argv:
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    always = property(lambda executor: 1, lambda executor, seconds: None)
    RemoteExecutor.next_seconds_between_status_checks = always

"""The simulator: thousands of worlds of a mission, stepped together on CPU or GPU."""

import warp as wp

from daf.system.caches import provide_caches

wp.config.log_level = wp.LOG_WARNING
provide_caches()
wp.init()

"""The simulator: thousands of worlds of a mission, stepped together on CPU or GPU."""

import warp as wp

from daf.system.caches import set_writable_cache_folder

wp.config.log_level = wp.LOG_WARNING
set_writable_cache_folder()
wp.init()

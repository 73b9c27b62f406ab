"""The simulator: thousands of worlds of a mission, stepped together on CPU or GPU."""

import warp as wp

wp.config.log_level = wp.LOG_WARNING
wp.init()

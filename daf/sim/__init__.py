"""The simulator: thousands of worlds of a mission, stepped together on CPU or GPU."""

import warp as wp

# Not warnings: on every machine without a GPU, Warp warns that there is none.
wp.config.log_level = wp.LOG_ERROR
wp.init()

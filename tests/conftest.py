"""One torch thread: tests share the cores with each other, and results depend on the number."""

import torch

torch.set_num_threads(1)

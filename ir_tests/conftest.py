"""What holds for every test: nothing comes from the cache unless a test is about the cache."""

import os

os.environ["MMC_NO_CACHE"] = "1"

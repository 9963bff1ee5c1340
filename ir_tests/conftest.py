"""What holds for every test: nothing comes from the cache unless a test is about the cache.

And no drawn case fails for taking long: that is the machine's load, not the case.
"""

import os

from hypothesis import settings

os.environ["MMC_NO_CACHE"] = "1"
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

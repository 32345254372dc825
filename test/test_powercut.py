"""Power cuts at random moments during imports and single writes: test_crash.py with a disk that
drops everything that was not synced (test/powercut).

Short form: 6 cuts. TARN_SLOW=1: 200. The seed is printed; TARN_SEED repeats it. TARN_POWERCUT_MODEL
chooses the model of the disk (strict or ext4).
"""
import os
import shutil
import signal
import time
import unittest

import ledger
import test_crash
from harness import SLOW, TARN, HealthLake, Server

SHIM = TARN.parent / "test/powercut/libpowercut.so"
EXIT_CUT = 137


def put_on_disk(server, **settings):
    """From its next start on the server's data folder loses what is not synced."""
    server.environment = {"LD_PRELOAD": str(SHIM), "TARN_POWERCUT_FOLDER": str(server.data), **settings}


def cut(server):
    """Cuts the power, and waits; returns the exit status."""
    server.process.send_signal(signal.SIGUSR2)
    status = server.process.wait(timeout=60)
    server.process = None
    return status


class PowerCut(test_crash.Interrupted, unittest.TestCase):
    deaths = int(os.environ.get("TARN_CUTS", 200 if SLOW else 6))

    def prepare(self, server):
        put_on_disk(server)
        self.addCleanup(shutil.rmtree, f"{server.data}.powercut", ignore_errors=True)

    def die(self, server):
        self.assertEqual(cut(server), EXIT_CUT)

    def test_a_lying_disk_is_noticed(self):
        """The control: on a disk whose syncs do nothing this test must see acknowledged writes lost."""
        with Server() as server:
            self.addCleanup(shutil.rmtree, f"{server.data}.powercut", ignore_errors=True)
            store = HealthLake(server.url).create_store()
            self.assertEqual(server.stop(), 0)
            put_on_disk(server, TARN_POWERCUT_MODEL="lying")
            server.start()
            records = {}
            writer = ledger.Writer(server.url, store, "w", records, 1)
            writer.start()
            deadline = time.monotonic() + 60
            while writer.acknowledged < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(cut(server), EXIT_CUT)
            writer.stop()
            put_on_disk(server)
            server.start()
            self.assertNotEqual(ledger.settle(HealthLake(server.url), store, records, sample=3), [])


if __name__ == "__main__":
    unittest.main()

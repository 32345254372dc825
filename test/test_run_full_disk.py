"""`tarn run` on a disk that fills up: it stops before it sends what it cannot write down, says why,
and goes on when there is room."""
import shutil
import subprocess
import unittest

import test_run

PAGE = 4096
DISK_PAGES = 24


class FullDisk(test_run.Runs):
    jobs = test_run.Crash.jobs
    twelve_steps = test_run.Crash.twelve_steps

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_PAGES * PAGE}", "tmpfs", self.disk],
                          capture_output=True).returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk])
        self.environment["TARN_RUNS_DIR"] = str(self.disk / "runs")

    def fill_but(self, pages):
        (self.disk / "filler").write_bytes(bytes((DISK_PAGES - pages) * PAGE))

    def test_the_run_stops_and_can_be_resumed(self):
        stopped = resumed = 0
        for pages in range(3, 12):
            with self.subTest(pages=pages), self.jobs() as server:
                path = self.twelve_steps(server.url)
                self.fill_but(pages)
                first = self.tarn("run", path, "--poll", "0")
                said = first.stdout + first.stderr
                (self.disk / "filler").unlink()
                if first.returncode == 0:
                    continue
                runs = list((self.disk / "runs").glob("*")) if (self.disk / "runs").exists() else []
                stopped += 1
                self.assertEqual(first.returncode, 1, said)
                self.assertRegex(said, r"/disk/runs/\S+: .*No space left on device")
                if runs and f"tarn resume {runs[0].name}" in said:
                    resumed += 1
                    end = self.run_json("resume", runs[0].name)[-1]
                else:
                    self.assertEqual(server.requests, [])
                    end = self.run_json("run", path, "--poll", "0")[-1]
                self.assertEqual(end["outputs"]["state5"], "DONE")
                made = [body["ClientToken"] for method, _, _, body in server.requests if method == "POST"]
                self.assertEqual(len(server.state["tokens"]), 6)
                self.assertEqual(len(made), len(set(made)), "a job was asked for twice")
            shutil.rmtree(self.disk / "runs", ignore_errors=True)
        self.assertGreaterEqual(stopped, 3)
        self.assertGreaterEqual(resumed, 1)

    def test_a_full_har_loses_no_answer(self):
        self.environment["TARN_RUNS_DIR"] = str(self.folder / "runs")
        self.fill_but(1)
        with self.jobs() as server:
            path = self.twelve_steps(server.url)
            result = self.tarn("run", path, "--poll", "0", "--json", "--har", self.disk / "run.har")
            self.assertEqual(result.returncode, 0, result.stdout[-1000:] + result.stderr[-1000:])
            self.assertIn("the HAR file lacks an exchange", result.stdout + result.stderr)
            made = [body["ClientToken"] for method, _, _, body in server.requests if method == "POST"]
            self.assertEqual((len(made), len(set(made))), (6, 6))


if __name__ == "__main__":
    unittest.main()

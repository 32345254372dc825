"""HealthImaging within bounds: quotas as configuration, and memory beside files that are larger.

Short form: 64 MB files and 200 instances. TARN_SLOW=1: 900 MB files and 5,000 instances (2.6 GB).
"""
import base64
import hashlib
import http.client
import json
import random
import struct
import time
import unittest
import zlib

import dicom_files
from dicom_files import EXPLICIT, ROOT_UID, element, us
from harness import SLOW, Failed, Server
from test_healthimaging import HealthImaging, frames_of, wait, write_input

RESIDENT_KB_MAX = 300 << 10
FILE_BYTES = (900 if SLOW else 64) << 20
INSTANCES = 5000 if SLOW else 200
SERIES = 4
SIDE = 512
MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.3"  # Multi-frame grayscale word secondary capture.
VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
MPEG4 = "1.2.840.10008.1.2.4.102"


def head(sop_class, syntax, uid, frames, bits, study=None, series=None):
    """Everything before the pixel data of one instance of patient P1. `study`, `series`: UIDs."""
    meta = (element(2, 1, "OB", b"\0\1") + element(2, 2, "UI", sop_class) + element(2, 3, "UI", uid) +
            element(2, 0x10, "UI", syntax) + element(2, 0x12, "UI", ROOT_UID))
    body = b"".join(element(*item) for item in [
        (0x0008, 0x0016, "UI", sop_class), (0x0008, 0x0018, "UI", uid), (0x0008, 0x0020, "DA", "20240102"),
        (0x0008, 0x0060, "CS", "OT"), (0x0010, 0x0010, "PN", "Nobody^Nora"), (0x0010, 0x0020, "LO", "P1"),
        (0x0020, 0x000D, "UI", study or uid + ".1"), (0x0020, 0x000E, "UI", series or uid + ".2"),
        (0x0020, 0x0011, "IS", "1"),
        (0x0028, 0x0002, "US", us(1)), (0x0028, 0x0004, "CS", "MONOCHROME2"), (0x0028, 0x0008, "IS", str(frames)),
        (0x0028, 0x0010, "US", us(SIDE)), (0x0028, 0x0011, "US", us(SIDE)), (0x0028, 0x0100, "US", us(bits)),
        (0x0028, 0x0101, "US", us(bits)), (0x0028, 0x0102, "US", us(bits - 1)), (0x0028, 0x0103, "US", us(0))])
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta + body


def frame_pixels():
    """Eight frames of 16-bit samples: ramps with noise, as pictures have it. Each is used many times."""
    noise = random.Random(5)
    out = []
    for kind in range(8):
        low = noise.randbytes(SIDE * SIDE)
        row = bytearray(SIDE * SIDE * 2)
        row[0::2] = bytes((low[i] & 31) + ((i // SIDE + i) >> 3 & 0xC0) for i in range(SIDE * SIDE))
        row[1::2] = bytes((i // SIDE >> 6) + kind for i in range(SIDE * SIDE))
        out.append(bytes(row))
    return out


def numbered(frame, number):
    return struct.pack("<I", number) + frame[4:]


class Memory(unittest.TestCase):
    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.__exit__)
        self.imaging = HealthImaging(self.server.url)
        self.store, _ = self.imaging.create_store()
        self.folder = self.server.data / "s3/images/large"
        self.folder.mkdir(parents=True)

    def import_all(self, what, size):
        """Imports the folder; its manifest's summary. Memory has stayed within its bound."""
        cpu, begin = self.server.cpu_s(), time.monotonic()
        job = self.imaging.import_folder(self.store, "s3://images/large/", deadline_s=1800)
        seconds, cpu = time.monotonic() - begin, self.server.cpu_s() - cpu
        self.assertEqual(job["jobStatus"], "COMPLETED", job)
        self.check_memory(f"{what}: {size >> 20} MB in {seconds:.1f} s, {cpu:.1f} s of CPU, "
                          f"{(size >> 20) / cpu:.0f} MB a CPU second")
        out = self.server.data / "s3" / job["outputS3Uri"].removeprefix("s3://")
        return json.loads((out / "job-output-manifest.json").read_text())["jobSummary"]

    def check_memory(self, what):
        peak = self.server.memory_kb("VmHWM")
        print(f"{what}; resident memory at most {peak >> 10} MB", flush=True)
        self.assertLess(peak, RESIDENT_KB_MAX)

    def only_set(self):
        sets = self.imaging.search(self.store)
        self.assertEqual(len(sets), 1)
        return sets[0]["imageSetId"]

    def test_a_file_of_many_frames(self):
        kinds = frame_pixels()
        count = FILE_BYTES // len(kinds[0])
        checksums = []
        with open(self.folder / "many.dcm", "wb") as out:
            out.write(head(MULTI_FRAME, EXPLICIT, ROOT_UID + ".70.1", count, 16))
            out.write(struct.pack("<HH", 0x7FE0, 0x0010) + b"OW\0\0" + struct.pack("<I", count * len(kinds[0])))
            for number in range(count):
                frame = numbered(kinds[number % 8], number)
                checksums.append(zlib.crc32(frame))
                out.write(frame)
        summary = self.import_all("one file of many frames", FILE_BYTES)
        self.assertEqual((summary["numberOfScannedFiles"], summary["numberOfImportedFiles"]), (1, 1))
        frames = frames_of(self.imaging.metadata(self.store, self.only_set()))
        [[_, instance], *_] = frames
        self.assertEqual(
            [one["PixelDataChecksumFromBaseToFullResolution"][-1]["Checksum"] for one in instance["ImageFrames"]],
            checksums)
        self.check_memory(f"metadata of {count} frames read")

    def test_a_video_is_kept_and_streamed(self):
        block = random.Random(6).randbytes(1 << 20)
        size = FILE_BYTES
        digest = hashlib.sha256()
        with open(self.folder / "video.dcm", "wb") as out:
            out.write(head(VIDEO, MPEG4, ROOT_UID + ".70.2", 1000, 8))
            out.write(struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + b"\xff\xff\xff\xff")
            out.write(struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, size))
            for number in range(size >> 20):
                piece = numbered(block, number)
                digest.update(piece)
                out.write(piece)
            out.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
        summary = self.import_all("one video", size)
        self.assertEqual(summary["numberOfImportedFiles"], 1)
        image_set = self.only_set()
        [(frame, instance)] = frames_of(self.imaging.metadata(self.store, image_set))
        self.assertEqual(instance["StoredTransferSyntaxUID"], MPEG4)
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"))
        self.addCleanup(connection.close)
        connection.request("POST", f"/datastore/{self.store}/imageSet/{image_set}/getImageFrame",
                           json.dumps({"imageFrameId": frame}))
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Type"], int(answer.headers["Content-Length"])),
                         (200, "video/mp4", size))
        got = hashlib.sha256()
        while piece := answer.read(1 << 20):
            got.update(piece)
        self.assertEqual(got.hexdigest(), digest.hexdigest())
        self.check_memory("video read")

    def test_a_study_of_many_files(self):
        kinds, study = frame_pixels(), ROOT_UID + ".71"
        for number in range(INSTANCES):
            series = f"{study}.{number % SERIES}"
            (self.folder / f"{number}.dcm").write_bytes(
                head(dicom_files.CT, EXPLICIT, f"{series}.{number}", 1, 16, study, series) +
                element(0x7FE0, 0x0010, "OW", numbered(kinds[number % 8], number)))
        size = sum(path.stat().st_size for path in self.folder.iterdir())
        summary = self.import_all(f"{INSTANCES} files", size)
        self.assertEqual((summary["numberOfScannedFiles"], summary["numberOfImportedFiles"]), (INSTANCES, INSTANCES))
        self.assertEqual(sum(one["numberOfMatchedSOPInstances"] for one in summary["imageSetsSummary"]), INSTANCES)
        sets = self.imaging.search(self.store)
        self.assertEqual(len(sets), SERIES)
        self.assertEqual({one["DICOMTags"]["DICOMNumberOfStudyRelatedInstances"] for one in sets}, {INSTANCES})
        metadata = [self.imaging.metadata(self.store, one["imageSetId"]) for one in sets]
        frames = [frame for each in metadata for frame, _ in frames_of(each)]
        self.assertEqual((len(frames), len(set(frames))), (INSTANCES, INSTANCES))
        # A change writes the whole document anew.
        path = f"/datastore/{self.store}/imageSet/{sets[0]['imageSetId']}/"
        change = base64.b64encode(b'{"SchemaVersion":1.1,"Patient":{"DICOM":{"PatientName":"Other^One"}}}').decode()
        self.imaging.call("POST", path + f"updateImageSetMetadata?latestVersion={sets[0]['version']}",
                          {"DICOMUpdates": {"updatableAttributes": change}})
        done = wait(lambda: self.imaging.call("POST", path + "getImageSet"), "imageSetState", ("LOCKED",))
        self.assertEqual(done["imageSetWorkflowStatus"], "UPDATED", done)
        self.check_memory(f"metadata of {INSTANCES} instances read and changed")


class Quotas(unittest.TestCase):
    """At each bound a request is taken, beyond it it is refused in the service's way."""

    def failures(self, server, job):
        out = server.data / "s3" / job["outputS3Uri"].removeprefix("s3://")
        return (out / "FAILURE/failure.ndjson").read_text()

    def start(self, *arguments):
        server = Server(arguments=arguments).start()
        self.addCleanup(server.__exit__)
        imaging = HealthImaging(server.url)
        store, _ = imaging.create_store()
        return server, imaging, store

    def test_files_and_bytes_of_a_job(self):
        size = len(dicom_files.slice_file())
        server, imaging, store = self.start("--image-import-files", "2", "--image-import-bytes", str(2 * size - 1))
        write_input(server, "one", instances=1)
        write_input(server, "two", instances=2)
        write_input(server, "three", instances=3)
        self.assertEqual(imaging.import_folder(store, "s3://images/one/")["jobStatus"], "COMPLETED")
        for folder, message in (("two", "^FILE_SIZES_LIMIT"), ("three", "^FILE_COUNTS_LIMIT|^FILE_SIZES_LIMIT")):
            job = imaging.import_folder(store, f"s3://images/{folder}/")
            self.assertEqual(job["jobStatus"], "FAILED")
            self.assertRegex(job["message"], message)
        # What a restart is told counts.
        self.assertEqual(server.stop(), 0)
        server.arguments = ["--image-import-files", "2", "--image-import-bytes", str(2 * size)]
        server.start()
        imaging = HealthImaging(server.url)
        self.assertEqual(imaging.import_folder(store, "s3://images/two/")["jobStatus"], "COMPLETED")
        job = imaging.import_folder(store, "s3://images/three/")
        self.assertRegex(job["message"], "^FILE_(COUNTS|SIZES)_LIMIT")

    def test_bytes_of_a_file(self):
        size = len(dicom_files.slice_file())
        server, imaging, store = self.start("--image-file-bytes", str(size))
        folder = write_input(server, "files", instances=1)
        (folder / "larger.dcm").write_bytes(dicom_files.slice_file(number=2) + b"\0")
        job = imaging.import_folder(store, "s3://images/files/")
        self.assertEqual(job["jobStatus"], "COMPLETED")
        self.assertEqual(json.loads(self.failures(server, job))["inputFile"], "files/larger.dcm")
        self.assertEqual(imaging.search(store)[0]["DICOMTags"]["DICOMNumberOfStudyRelatedInstances"], 1)

    def test_frames_of_a_copy(self):
        server, imaging, store = self.start("--image-copy-frames", "2")
        for instances, status in ((2, "COPIED"), (3, "COPY_FAILED")):
            write_input(server, "copied", instances=instances)
            imaging.import_folder(store, "s3://images/copied/")
            source = max(imaging.search(store), key=lambda one: one["isPrimary"])
            path = f"/datastore/{store}/imageSet/{source['imageSetId']}/"
            imaging.call("POST", path + "copyImageSet",
                         {"sourceImageSet": {"latestVersionId": str(source["version"])}})
            done = wait(lambda path=path: imaging.call("POST", path + "getImageSet"), "imageSetState", ("LOCKED",))
            self.assertEqual(done["imageSetWorkflowStatus"], status, done)

    def test_data_stores(self):
        _, imaging, _ = self.start("--image-data-stores", "2")
        imaging.create_store()
        with self.assertRaises(Failed) as caught:
            imaging.create_store()
        self.assertEqual(caught.exception.status, 402)


if __name__ == "__main__":
    unittest.main()

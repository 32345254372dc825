"""HealthImaging over HTTP: seeds end to end, bodies in both forms, frames by URL, events, restarts."""
import base64
import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import dicom_files
from harness import ROLE, SHARED, TARN, Endpoint, Failed, Server

SEEDS = SHARED / "seeds"
DEADLINE_S = 120
KEY = "arn:aws:kms:us-east-1:000000000000:alias/images"


class HealthImaging:
    """The surface of one server. One thread."""

    def __init__(self, url):
        self.endpoint = Endpoint(url)

    def call(self, method, path, body=None, headers=None):
        """The answer's JSON."""
        text = None if body is None else json.dumps(body)
        status, _, answer = self.endpoint.request(method, path, text, headers)
        if status != 200:
            raise Failed(status, answer)
        return json.loads(answer)

    def create_store(self, **members):
        members.setdefault("clientToken", os.urandom(8).hex())
        store = self.call("POST", "/datastore", members)["datastoreId"]
        return store, self.wait_store(store)

    def wait_store(self, store, passing=("CREATING", "DELETING")):
        return wait(lambda: self.call("GET", f"/datastore/{store}")["datastoreProperties"], "datastoreStatus",
                    passing)

    def import_folder(self, store, uri, output="s3://images/out/", deadline_s=DEADLINE_S, **members):
        members.setdefault("clientToken", os.urandom(8).hex())
        job = self.call("POST", f"/startDICOMImportJob/datastore/{store}", {
            "dataAccessRoleArn": ROLE, "inputS3Uri": uri, "outputS3Uri": output, **members})["jobId"]
        return wait(lambda: self.call("GET", f"/getDICOMImportJob/datastore/{store}/job/{job}")["jobProperties"],
                    "jobStatus", ("SUBMITTED", "IN_PROGRESS"), deadline_s)

    def search(self, store, criteria=None):
        return self.call("POST", f"/datastore/{store}/searchImageSets", criteria)["imageSetsMetadataSummaries"]

    def metadata(self, store, image_set):
        status, headers, body = self.endpoint.request(
            "POST", f"/datastore/{store}/imageSet/{image_set}/getImageSetMetadata")
        if status != 200:
            raise Failed(status, body)
        assert headers["Content-Encoding"] == "gzip", headers
        return json.loads(gzip.decompress(body))


def wait(ask, member, passing, deadline_s=DEADLINE_S):
    deadline = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if answer[member] not in passing:
            return answer
        if time.monotonic() > deadline:
            raise RuntimeError(f"still {answer}")
        time.sleep(0.02)


def frames_of(metadata):
    """[(frame id, instance's JSON)] in the order of instances."""
    return [(frame["ID"], instance)
            for series in metadata["Study"]["Series"].values() for instance in series["Instances"].values()
            for frame in instance["ImageFrames"]]


def write_input(server, name, **more):
    folder = server.data / "s3/images" / name
    dicom_files.write_study(folder, **more)
    return folder


@unittest.skipUnless(SEEDS.exists(), "the seed workflows (../shared/seeds) are not there")
class Seeds(unittest.TestCase):
    PROVISION = SEEDS / "amazon-healthimaging-provision-datastore-workflow.yml"
    ONBOARD = SEEDS / "amazon-healthimaging-onboard-datastore-and-import-workflow.yml"

    def run_seed(self, server, file, **inputs):
        with tempfile.TemporaryDirectory(prefix="tarn-run-") as folder:
            given = [text for name, value in inputs.items() for text in ("--input", f"{name}={value}")]
            done = subprocess.run(
                [str(TARN), "run", str(file), "--server", server.url, "--poll", "20ms", "--json", *given],
                capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": folder, "TARN_RUNS_DIR": folder + "/runs"})
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        return [json.loads(line) for line in done.stdout.splitlines()]

    def onboard(self, server, folder, token):
        return self.run_seed(server, self.ONBOARD, datastoreName="seed", datastoreClientToken="onboard",
                             dataAccessRoleArn=ROLE, importClientToken=token, inputS3Uri=f"s3://images/{folder}/",
                             outputS3Uri="s3://images/out/")[-1]

    def test_provision_and_its_failure_branch(self):
        with Server() as server:
            end = self.run_seed(server, self.PROVISION, datastoreName="seed", clientToken="t1", kmsKeyArn=KEY)[-1]
            self.assertEqual(end["outputs"]["datastoreStatus"], "ACTIVE")
            self.assertIn(end["outputs"]["datastoreId"], end["outputs"]["datastoreArn"])
            subprocess.run([str(TARN), "kms", "disable", KEY, "--data", str(server.data)], check=True,
                           stdout=subprocess.DEVNULL)
            events = self.run_seed(server, self.PROVISION, datastoreName="seed", clientToken="t2", kmsKeyArn=KEY)
            self.assertEqual(events[-1]["outputs"]["datastoreStatus"], "CREATE_FAILED")
            self.assertIn("provisioningFailed", [event["step"] for event in events if event["event"] == "send"])

    def test_onboard_and_a_job_that_fails(self):
        with Server() as server:
            write_input(server, "seed", instances=2)
            end = self.onboard(server, "seed", "i1")
            self.assertEqual(end["outputs"]["jobStatus"], "COMPLETED")
            imaging = HealthImaging(server.url)
            store = end["outputs"]["datastoreId"]
            self.assertEqual(len(self.search_all(imaging, store)), 1)
            failed = self.onboard(server, "nothing-here", "i2")
            self.assertEqual((failed["outputs"]["datastoreId"], failed["outputs"]["jobStatus"]), (store, "FAILED"))

    def search_all(self, imaging, store):
        return imaging.search(store)


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(arguments=["--allow-origin", "http://viewer.example"]).start()
        cls.imaging = HealthImaging(cls.server.url)
        cls.store, properties = cls.imaging.create_store(datastoreName="api")
        assert properties["datastoreStatus"] == "ACTIVE", properties
        write_input(cls.server, "api", series=2, instances=2)
        job = cls.imaging.import_folder(cls.store, "s3://images/api/")
        assert job["jobStatus"] == "COMPLETED", job
        cls.sets = cls.imaging.search(cls.store)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def path(self, operation, image_set=None):
        return f"/datastore/{self.store}/imageSet/{image_set or self.sets[0]['imageSetId']}/{operation}"

    def raw(self, method, path, body=None, **headers):
        return self.imaging.endpoint.request(method, path, body, headers)

    def test_search_takes_both_forms_of_bodies(self):
        self.assertEqual(len(self.sets), 2)
        uid = self.sets[0]["DICOMTags"]["DICOMSeriesInstanceUID"]
        criteria = {"filters": [{"operator": "EQUAL", "values": [{"DICOMSeriesInstanceUID": uid}]}]}
        plain = self.imaging.search(self.store, criteria)
        self.assertEqual([found["imageSetId"] for found in plain], [self.sets[0]["imageSetId"]])
        self.assertEqual(self.imaging.search(self.store, {"searchCriteria": criteria}), plain)
        self.assertIsInstance(plain[0]["version"], int)

    def test_any_host_is_the_same_server(self):
        host = urllib.parse.urlsplit(self.server.url).netloc
        for name in (host, "runtime-" + host):
            status, _, body = self.raw("POST", self.path("getImageSet"), Host=name)
            self.assertEqual((status, json.loads(body)["versionId"]), (200, "1"))

    def test_frames_by_url(self):
        metadata = self.imaging.metadata(self.store, self.sets[0]["imageSetId"])
        frame, instance = frames_of(metadata)[0]
        self.assertEqual(instance["ImageFrames"][0]["PixelDataChecksumFromBaseToFullResolution"][-1]["Checksum"],
                         dicom_files.pixel_crc(int(instance["DICOM"]["InstanceNumber"])))
        status, headers, whole = self.raw("POST", self.path("getImageFrame"), json.dumps({"imageFrameId": frame}))
        self.assertEqual((status, headers["Content-Type"]), (200, "image/jph"))
        self.assertEqual(len(whole), instance["ImageFrames"][0]["FrameSizeInBytes"])
        url = self.path("getImageFrame") + "?imageFrameId=" + frame
        status, headers, body = self.raw("GET", url)
        self.assertEqual((status, body, headers["Accept-Ranges"]), (200, whole, "bytes"))
        self.assertIn("immutable", headers["Cache-Control"])
        etag = headers["ETag"]
        status, headers, body = self.raw("GET", url, **{"If-None-Match": etag})
        self.assertEqual((status, body, headers["ETag"]), (304, b"", etag))
        size = len(whole)
        for value, first, last in ((f"bytes=0-9", 0, 9), ("bytes=10-", 10, size - 1), ("bytes=-5", size - 5, size - 1),
                                   (f"bytes=5-{size + 100}", 5, size - 1)):
            status, headers, body = self.raw("GET", url, Range=value)
            self.assertEqual((status, body), (206, whole[first:last + 1]), value)
            self.assertEqual(headers["Content-Range"], f"bytes {first}-{last}/{size}")
        status, headers, body = self.raw("GET", url, Range=f"bytes={size}-")
        self.assertEqual((status, headers["Content-Range"]), (416, f"bytes */{size}"))
        status, _, body = self.raw("GET", url, **{"Range": "bytes=0-9", "If-Range": '"other"'})
        self.assertEqual((status, body), (200, whole))
        status, headers, body = self.raw("GET", url + "&endLevel=0")
        self.assertEqual(status, 200)
        self.assertTrue(whole.startswith(body) and 0 < len(body) < size, (len(body), size))
        self.assertNotEqual(headers["ETag"], etag)
        status, _, rest = self.raw("GET", url + "&startLevel=1")
        self.assertEqual((status, body + rest), (200, whole))
        status, _, body = self.raw("GET", url + "&endLevel=30")
        self.assertEqual(status, 400, body)

    def test_pages_of_an_allowed_origin_read_frames(self):
        frame, _ = frames_of(self.imaging.metadata(self.store, self.sets[0]["imageSetId"]))[0]
        url = self.path("getImageFrame") + "?imageFrameId=" + frame
        status, headers, _ = self.raw("GET", url, Origin="http://viewer.example", Range="bytes=0-9")
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (206, "http://viewer.example"))
        for name in ("ETag", "Content-Range"):
            self.assertIn(name, headers["Access-Control-Expose-Headers"])
        status, headers, body = self.raw("GET", url, Origin="http://elsewhere.example")
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "AccessDeniedException"))
        self.assertIn("--allow-origin", json.loads(body)["message"])
        status, headers, _ = self.raw("OPTIONS", url, **{
            "Origin": "http://viewer.example", "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range"})
        self.assertEqual((status, headers["Access-Control-Allow-Headers"]), (204, "range"))

    def test_errors_have_type_status_and_message(self):
        unknown = "0" * 32
        for method, path, body, status, name in (
                ("GET", f"/datastore/{unknown}", None, 404, "ResourceNotFoundException"),
                ("GET", "/datastore/x", None, 400, "ValidationException"),
                ("POST", "/datastore", "{", 400, "ValidationException"),
                ("POST", self.path("getImageSet", unknown), None, 404, "ResourceNotFoundException"),
                ("POST", self.path("getImageSet") + "?version=99", None, 404, "ResourceNotFoundException"),
                ("POST", self.path("getImageSet") + "?version=0", None, 404, "ResourceNotFoundException"),
                ("POST", self.path("getImageFrame"), '{"imageFrameId":"%s"}' % unknown, 404,
                 "ResourceNotFoundException"),
                ("POST", self.path("updateImageSetMetadata") + "?latestVersion=7", '{"revertToVersionId":"1"}', 404,
                 "ResourceNotFoundException"),
                ("DELETE", f"/datastore/{self.store}", None, 409, "ConflictException"),
                ("GET", f"/datastore/{self.store}/nothing", None, 404, "ResourceNotFoundException"),
                ("GET", "/tags/arn%3Aaws%3Amedical-imaging%3Aus-east-1%3A000000000000%3Adatastore%2F" + unknown, None,
                 404, "ResourceNotFoundException")):
            got, headers, answer = self.raw(method, path, body)
            self.assertEqual((got, headers["x-amzn-ErrorType"]), (status, name), f"{method} {path}: {answer}")
            self.assertTrue(json.loads(answer)["message"])
        _, _, answer = self.raw("POST", self.path("updateImageSetMetadata") + "?latestVersion=7",
                                '{"revertToVersionId":"1"}')
        self.assertEqual(json.loads(answer)["message"],
                         "Requested version(s) of ImageSet(s) is not the latest.")

    def test_what_is_not_built_is_refused_by_name(self):
        for method, path in (("GET", "studies?PatientID=P1"), ("POST", "studies"), ("GET", "series"),
                             ("GET", "studies/1.2/series/1.3/instances/1.4/frames/1")):
            status, headers, body = self.raw(method, f"/datastore/{self.store}/{path}")
            self.assertEqual((status, headers["x-amzn-ErrorType"], json.loads(body)["message"]),
                             (404, "ResourceNotFoundException", "DICOMweb is not supported yet"), path)

    def test_dates_that_are_none_are_refused(self):
        def found(date, time=None):
            value = {"DICOMStudyDate": date, **({"DICOMStudyTime": time} if time is not None else {})}
            values = [{"DICOMStudyDateAndTime": {"DICOMStudyDate": "19000101"}}, {"DICOMStudyDateAndTime": value}]
            return self.imaging.search(self.store, {"filters": [{"operator": "BETWEEN", "values": values}]})

        for date, time in (("20240102", "101112"), ("2024.01.02", "10:11:12.5"), ("20240103", "")):
            self.assertEqual(len(found(date, time)), 2, (date, time))
        self.assertEqual(found("20240102", "101111"), [])
        for date, time in (("tomorrow", None), ("2024", None), ("", None), ("202401021", None), ("20240102", "noon")):
            with self.assertRaises(Failed) as caught:
                found(date, time)
            self.assertEqual(caught.exception.status, 400)
            self.assertIn(b"DICOMStudyDateAndTime", caught.exception.body)

    def test_tags_with_arns_encoded_and_not(self):
        for resource in ("", "/imageset/" + self.sets[0]["imageSetId"]):
            arn = f"arn:aws:medical-imaging:us-east-1:000000000000:datastore/{self.store}{resource}"
            for form in (arn, urllib.parse.quote(arn, safe="")):
                self.imaging.call("POST", "/tags/" + form, {"tags": {"Team": "a", "Cost": "b"}})
                self.assertEqual(self.imaging.call("GET", "/tags/" + form)["tags"], {"Team": "a", "Cost": "b"})
                self.imaging.call("DELETE", "/tags/" + form + "?tagKeys=Team&tagKeys=Cost")
                self.assertEqual(self.imaging.call("GET", "/tags/" + form)["tags"], {})
            many = {"k" + chr(97 + number // 26) + chr(97 + number % 26): "" for number in range(51)}
            with self.assertRaises(Failed) as caught:
                self.imaging.call("POST", "/tags/" + arn, {"tags": many})
            self.assertEqual(caught.exception.status, 400)

    def test_a_store_of_jpeg_2000(self):
        store, _ = self.imaging.create_store(losslessStorageFormat="JPEG_2000_LOSSLESS")
        self.assertEqual(self.imaging.import_folder(store, "s3://images/api/")["jobStatus"], "COMPLETED")
        image_set = self.imaging.search(store)[0]["imageSetId"]
        frame, instance = frames_of(self.imaging.metadata(store, image_set))[0]
        self.assertEqual(instance["StoredTransferSyntaxUID"], "1.2.840.10008.1.2.4.90")
        status, headers, body = self.raw("POST", f"/datastore/{store}/imageSet/{image_set}/getImageFrame",
                                         json.dumps({"imageFrameId": frame}))
        self.assertEqual((status, headers["Content-Type"], body[:2]), (200, "image/j2c", b"\xff\x4f"))

    def test_import_writes_its_lists(self):
        folder = write_input(self.server, "lists", instances=1, patient="P7", study=7)
        (folder / "notes.txt").write_text("no DICOM")
        job = self.imaging.import_folder(self.store, "s3://images/lists/", jobName="lists")
        self.assertEqual(job["jobStatus"], "COMPLETED")
        self.assertTrue(job["outputS3Uri"].endswith(f"{self.store}-DicomImport-{job['jobId']}/"), job)
        out = self.server.data / "s3" / job["outputS3Uri"].removeprefix("s3://")
        manifest = json.loads((out / "job-output-manifest.json").read_text())["jobSummary"]
        self.assertEqual((manifest["numberOfScannedFiles"], manifest["numberOfImportedFiles"],
                          manifest["numberOfFilesWithCustomerError"]), (2, 1, 1))
        failure = json.loads((out / "FAILURE/failure.ndjson").read_text())
        self.assertEqual(failure["inputFile"], "lists/notes.txt")


class Lives(unittest.TestCase):
    def events(self, server):
        lines = b"".join(path.read_bytes() for path in sorted((server.data / "events").glob("*.jsonl")))
        return [json.loads(line) for line in lines.splitlines()]

    def test_a_life_with_its_events_across_a_restart(self):
        with Server() as server:
            imaging = HealthImaging(server.url)
            store, _ = imaging.create_store(clientToken="same", datastoreName="life")
            write_input(server, "life", instances=2)
            job = imaging.import_folder(store, "s3://images/life/", clientToken="job")
            image_set = imaging.search(store)[0]["imageSetId"]
            server.kill()
            server.start()
            imaging = HealthImaging(server.url)
            # Tokens outlive the process.
            again = imaging.call("POST", "/datastore", {"clientToken": "same", "datastoreName": "life"})
            self.assertEqual(again["datastoreId"], store)
            self.assertEqual(imaging.import_folder(store, "s3://images/life/", clientToken="job")["jobId"],
                             job["jobId"])
            with self.assertRaises(Failed) as caught:
                imaging.call("POST", "/datastore", {"clientToken": "same", "datastoreName": "other"})
            self.assertEqual(caught.exception.status, 400)

            path = f"/datastore/{store}/imageSet/{image_set}/"
            update = {"DICOMUpdates": {"updatableAttributes": "eyJTY2hlbWFWZXJzaW9uIjoxLjEsIlBhdGllbnQiOnsiREl"
                                                              "DT00iOnsiUGF0aWVudE5hbWUiOiJPdGhlcl5PbmUifX19"}}
            answer = imaging.call("POST", path + "updateImageSetMetadata?latestVersion=1", update)
            self.assertEqual((answer["latestVersionId"], answer["imageSetState"]), ("2", "LOCKED"))
            active = wait(lambda: imaging.call("POST", path + "getImageSet"), "imageSetState", ("LOCKED",))
            self.assertEqual((active["versionId"], active["imageSetWorkflowStatus"]), ("2", "UPDATED"))
            self.assertEqual(imaging.metadata(store, image_set)["Patient"]["DICOM"]["PatientName"], "Other^One")

            copied = imaging.call("POST", path + "copyImageSet", {"sourceImageSet": {"latestVersionId": "2"}})
            copy = copied["destinationImageSetProperties"]["imageSetId"]
            for one in (image_set, copy):
                wait(lambda one=one: imaging.call("POST", f"/datastore/{store}/imageSet/{one}/getImageSet"),
                     "imageSetState", ("LOCKED",))
                imaging.call("POST", f"/datastore/{store}/imageSet/{one}/deleteImageSet")
                gone = wait(lambda one=one: imaging.call("POST", f"/datastore/{store}/imageSet/{one}/getImageSet"),
                            "imageSetState", ("LOCKED",))
                self.assertEqual(gone["imageSetState"], "DELETED")
                self.assertIn("deletedAt", gone)
            imaging.call("DELETE", f"/datastore/{store}")
            self.assertEqual(imaging.wait_store(store)["datastoreStatus"], "DELETED")
            self.assertEqual(server.stop(), 0)
            events = self.events(server)
            self.assertEqual({event["source"] for event in events}, {"aws.medical-imaging"})
            seen = [event["detail-type"] for event in events]
            for name in ("Data Store Creating", "Data Store Created", "Import Job Submitted",
                         "Import Job In Progress", "Import Job Completed", "Image Set Created",
                         "Image Set Updating", "Image Set Updated", "Image Set Copying",
                         "Image Set Copying With Read Only Access", "Image Set Copied", "Image Set Deleting",
                         "Image Set Deleted", "Data Store Deleting", "Data Store Deleted"):
                self.assertIn(name, seen)
            updated = next(event for event in events if event["detail-type"] == "Image Set Updated")
            self.assertEqual(updated["detail"], {
                "imagingVersion": "1.0", "datastoreId": store, "imagesetId": image_set, "imageSetState": "ACTIVE",
                "imageSetWorkflowStatus": "UPDATED", "isPrimary": True, "imageSetVersion": "2"})
            self.assertFalse((server.data / "frames" / store).exists())

    def test_an_update_of_a_whole_study(self):
        with Server() as server:
            imaging = HealthImaging(server.url)
            store, _ = imaging.create_store()
            write_input(server, "study", series=2, instances=1)
            write_input(server, "other", instances=1, study=2)
            for folder in ("study", "other"):
                imaging.import_folder(store, f"s3://images/{folder}/")
            sets = {one["imageSetId"]: one["DICOMTags"]["DICOMStudyInstanceUID"] for one in imaging.search(store)}
            self.assertEqual(len(sets), 3)
            first = next(iter(one for one, study in sets.items() if study.endswith(".1")))
            path = f"/datastore/{store}/imageSet/{first}/updateImageSetMetadata?latestVersion=1"
            payload = base64.b64encode(json.dumps(
                {"SchemaVersion": "1.1", "Study": {"DICOM": {"StudyDescription": "Of all"}}}).encode()).decode()
            with self.assertRaises(Failed) as caught:
                imaging.call("POST", path + "&includeStudyImageSets=true", {"revertToVersionId": "1"})
            self.assertEqual(caught.exception.status, 400)
            answer = imaging.call("POST", path + "&includeStudyImageSets=true",
                                  {"DICOMUpdates": {"updatableAttributes": payload}})
            self.assertEqual((answer["imageSetId"], answer["imageSetWorkflowStatus"]), (first, "UPDATING"))
            for one, study in sets.items():
                properties = wait(lambda one=one: imaging.call("POST", f"/datastore/{store}/imageSet/{one}/getImageSet"),
                                  "imageSetState", ("LOCKED",))
                description = imaging.metadata(store, one)["Study"]["DICOM"]["StudyDescription"]
                same = study.endswith(".1")
                self.assertEqual((properties["versionId"], properties["imageSetWorkflowStatus"], description),
                                 ("2", "UPDATED", "Of all") if same else ("1", "CREATED", "Invented study"))
            self.assertEqual(server.stop(), 0)
            updating = {event["detail"]["imageSetWorkflowStatus"] for event in self.events(server)
                        if event["detail-type"] == "Image Set Updating"}
            self.assertEqual(updating, {"UPDATING", "UPDATING_FOR_STUDY_CONSISTENCY"})

    def test_a_damaged_frame_is_our_fault_and_the_only_one(self):
        with Server() as server:
            imaging = HealthImaging(server.url)
            store, _ = imaging.create_store()
            write_input(server, "frames", instances=2)
            imaging.import_folder(store, "s3://images/frames/")
            image_set = imaging.search(store)[0]["imageSetId"]
            frames = [frame for frame, _ in frames_of(imaging.metadata(store, image_set))]
            pack, = (server.data / "frames" / store).rglob("*.pack")
            content = bytearray(pack.read_bytes())
            content[-100] ^= 1  # In the frame that was written last.
            pack.write_bytes(content)
            path = f"/datastore/{store}/imageSet/{image_set}/getImageFrame"
            answers = [imaging.endpoint.request("POST", path, json.dumps({"imageFrameId": frame})) for frame in frames]
            self.assertEqual(sorted(status for status, _, _ in answers), [200, 500])
            headers, body = next(answer[1:] for answer in answers if answer[0] == 500)
            self.assertEqual(headers["x-amzn-ErrorType"], "InternalServerException")
            self.assertIn("checksum", json.loads(body)["message"])

    def test_quotas_are_configuration(self):
        with Server(arguments=["--image-data-stores", "1", "--image-import-files", "1"]) as server:
            imaging = HealthImaging(server.url)
            store, _ = imaging.create_store()
            status, headers, body = imaging.endpoint.request("POST", "/datastore", '{"clientToken":"t"}')
            self.assertEqual((status, headers["x-amzn-ErrorType"]), (402, "ServiceQuotaExceededException"), body)
            write_input(server, "many", instances=2)
            job = imaging.import_folder(store, "s3://images/many/")
            self.assertEqual(job["jobStatus"], "FAILED")
            self.assertRegex(job["message"], "^FILE_COUNTS_LIMIT")


if __name__ == "__main__":
    unittest.main()

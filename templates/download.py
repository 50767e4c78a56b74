#!/usr/bin/env python3
"""Fetches every picture that images.csv lists, and checks each against its SHA-256.

    python3 download.py --out pictures --workers 16

Needs Python 3.8 and nothing else for http://, https:// and file:// URIs and for plain paths; for s3:// one of boto3, s3fs or the `aws`
program. Run it again after an interruption: what is there and right is not fetched again, what is half there over HTTP is continued.
A picture gets its name only when all its bytes are proven. Its name is its URI's path: s3://bucket/a/b.png becomes OUT/bucket/a/b.png.
Exit code 0: every picture is there. 1: some are not; each is named on stderr.
"""

import argparse
import concurrent.futures
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60
# HTTP answers that another try may change.
AGAIN = {408, 425, 429, 500, 502, 503, 504}


class Permanent(Exception):
    """Another try would end the same way."""


def parse_args():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", default=os.path.join(here, "images.csv"), help="the list (default: beside this file)")
    parser.add_argument("--out", default="pictures", help="folder to fetch into (default: pictures)")
    parser.add_argument("--workers", type=int, default=16, help="pictures at a time (default: 16)")
    parser.add_argument("--retries", type=int, default=5, help="further tries of one picture (default: 5)")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="only every Nth picture, from the Ith: 0/4 … 3/4 on four machines")
    parser.add_argument("--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL"), help="S3-compatible server (default: AWS_ENDPOINT_URL)")
    args = parser.parse_args()
    try:
        args.index, args.count = (int(part) for part in args.shard.split("/"))
    except ValueError:
        parser.error("--shard is I/N, as 0/4")
    if not 0 <= args.index < args.count or args.workers < 1 or args.retries < 0:
        parser.error("--shard wants 0 <= I < N, --workers at least 1, --retries at least 0")
    return args


def pictures(args):
    with open(args.csv, newline="", encoding="utf-8") as file:
        for number, line in enumerate(csv.DictReader(file)):
            if number % args.count == args.index:
                yield line["uri"], line["sha256"], int(line["bytes"])


def scheme_of(uri):
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator else ""


def target_of(uri, out):
    """Where a picture belongs: below `out`, whatever the URI says."""
    path = uri.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]
    parts = [part.replace("\\", "_").replace(":", "_").replace("\0", "_") for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise Permanent("its URI leads to no file name")
    return os.path.join(out, *parts)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest


def is_whole(path, sha256, size):
    try:
        return os.path.getsize(path) == size and sha256_of(path).hexdigest() == sha256
    except FileNotFoundError:
        return False


def copy(source, target, size):
    """Appends a stream to a file; stops at one byte too many, so that no answer can fill the disk."""
    written = target.tell()
    while True:
        chunk = source.read(CHUNK_BYTES)
        if not chunk:
            return
        written += len(chunk)
        if written > size:
            raise OSError(f"has more than the {size} bytes of images.csv")
        target.write(chunk)


def fetch_http(uri, part, size):
    """Continues `part` where the server can (206); else from its start."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if 0 < have < size else {"Accept-Encoding": "identity"}
    try:
        with urllib.request.urlopen(urllib.request.Request(uri, headers=headers), timeout=TIMEOUT_S) as answer:
            with open(part, "ab" if answer.status == 206 else "wb") as target:
                copy(answer, target, size)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            os.remove(part)
            raise OSError("its half is longer than it") from error
        if error.code not in AGAIN:
            raise Permanent(f"HTTP {error.code}") from error
        raise


def fetch_file(path, part, size):
    try:
        with open(path, "rb") as source, open(part, "wb") as target:
            copy(source, target, size)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise Permanent(str(error)) from error


class S3:
    """Whichever of boto3, s3fs and the aws program is there, found at the first picture that needs one."""

    def __init__(self, endpoint_url):
        self.endpoint_url = endpoint_url
        self.lock = threading.Lock()
        self.found = None

    def fetch(self, uri, part, size):
        with self.lock:
            if self.found is None:
                self.found = self.with_boto3() or self.with_s3fs() or self.with_program() or self.nothing
        self.found(uri, part, size)

    def with_boto3(self):
        try:
            import boto3
            import botocore.exceptions
        except ImportError:
            return None
        client = boto3.client("s3", endpoint_url=self.endpoint_url)

        def fetch(uri, part, size):
            bucket, _, key = uri[len("s3://"):].partition("/")
            try:
                body = client.get_object(Bucket=bucket, Key=key)["Body"]
            except botocore.exceptions.ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (401, 403, 404):
                    raise Permanent(str(error)) from error
                raise OSError(str(error)) from error
            except botocore.exceptions.BotoCoreError as error:
                raise OSError(str(error)) from error
            with body, open(part, "wb") as target:
                copy(body, target, size)

        return fetch

    def with_s3fs(self):
        try:
            import s3fs
        except ImportError:
            return None
        # So also with versions that know no endpoint_url of their own.
        files = s3fs.S3FileSystem(client_kwargs={"endpoint_url": self.endpoint_url} if self.endpoint_url else {})

        def fetch(uri, part, size):
            try:
                with files.open(uri, "rb") as source, open(part, "wb") as target:
                    copy(source, target, size)
            except (FileNotFoundError, PermissionError) as error:
                raise Permanent(str(error)) from error

        return fetch

    def with_program(self):
        program = shutil.which("aws")
        if program is None:
            return None
        endpoint = ["--endpoint-url", self.endpoint_url] if self.endpoint_url else []

        def fetch(uri, part, size):
            command = [program, *endpoint, "s3", "cp", "--only-show-errors", uri, part]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode != 0:
                raise OSError(done.stderr.strip() or f"aws ended with {done.returncode}")

        return fetch

    @staticmethod
    def nothing(uri, part, size):
        raise Permanent("s3:// needs boto3, s3fs or the aws program: pip install boto3")


def fetch(uri, part, size, s3):
    scheme = scheme_of(uri)
    if scheme in ("http", "https"):
        fetch_http(uri, part, size)
    elif scheme == "s3":
        s3.fetch(uri, part, size)
    elif scheme == "file":
        fetch_file(urllib.request.url2pathname(urllib.parse.urlsplit(uri).path), part, size)
    elif scheme == "":
        fetch_file(uri, part, size)
    else:
        raise Permanent(f"nothing here reads {scheme}://")


def bring(picture, args, s3):
    """Answers "there", "fetched", or why not."""
    uri, sha256, size = picture
    try:
        target = target_of(uri, args.out)
        if is_whole(target, sha256, size):
            return "there"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        part = f"{target}.part"
        problem = ""
        for failed in range(args.retries + 1):
            if failed:
                time.sleep(min(0.5 * 2 ** (failed - 1), 20))
            try:
                if not is_whole(part, sha256, size):
                    fetch(uri, part, size, s3)
                if is_whole(part, sha256, size):
                    with open(part, "rb+") as file:
                        os.fsync(file.fileno())
                    os.replace(part, target)
                    return "fetched"
                problem = "does not have the length and SHA-256 of images.csv"
                # What came short is continued; what has its length, or was continued to nothing good, starts again.
                if failed or os.path.getsize(part) >= size:
                    os.remove(part)
            except (OSError, urllib.error.URLError, EOFError) as error:
                problem = str(error) or type(error).__name__
            except Exception as error:  # http.client's and the S3 libraries' own errors are not OSErrors.
                if isinstance(error, Permanent):
                    raise
                problem = f"{type(error).__name__}: {error}"
        return problem
    except Permanent as error:
        return str(error)
    except OSError as error:
        return str(error)


def main():
    args = parse_args()
    s3 = S3(args.endpoint_url)
    counts = {"there": 0, "fetched": 0, "failed": 0}
    told = time.monotonic()

    def tell(picture, outcome):
        nonlocal told
        if outcome in counts:
            counts[outcome] += 1
        else:
            counts["failed"] += 1
            print(f"{picture[0]}: {outcome}", file=sys.stderr)
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"{counts['fetched']} fetched, {counts['there']} there before, {counts['failed']} failed", file=sys.stderr)

    with concurrent.futures.ThreadPoolExecutor(args.workers) as pool:
        running = {}
        for picture in pictures(args):
            running[pool.submit(bring, picture, args, s3)] = picture
            if len(running) < 4 * args.workers:
                continue
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                tell(running.pop(future), future.result())
        for future in concurrent.futures.as_completed(list(running)):
            tell(running[future], future.result())
    print(f"{counts['fetched']} fetched, {counts['there']} there before, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

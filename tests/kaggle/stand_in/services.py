"""The methods of Kaggle's services that the project's commands call, by name."""

import secrets
from collections.abc import Callable

from tests.kaggle.stand_in.world import (
    Blob,
    Body,
    Competition,
    Dataset,
    RefusalError,
    Run,
    Submission,
    World,
    as_log,
)

Method = Callable[[World, Body, str], Body | str]  # a text is an address to go on to
METHODS: dict[str, Method] = {}
_LATE = "2022-05-24T00:00:00.000Z"


def method(function: Method) -> Method:
    """Serve a function under its name in capitals, as Kaggle writes it."""
    name = "".join(part.capitalize() for part in function.__name__.split("_"))
    METHODS[name] = function
    return function


@method
def introspect_token(world: World, body: Body, _: str) -> Body:
    if body["token"] != world.token or world.token_expired:
        return {"active": False}
    return {"active": True, "username": world.username, "userId": 1}


def _entered(world: World, name: str) -> Competition:
    competition = world.competitions.get(name)
    if competition is None:
        raise RefusalError(403, "Permission 'competitions.participate' was denied")
    if not competition.rules_accepted:
        raise RefusalError(
            403,
            "You must accept this competition's rules before you'll be able to download files.",
        )
    return competition


@method
def download_data_files(world: World, body: Body, base: str) -> str:
    _entered(world, body["competitionName"])
    return f"{base}/storage/{body['competitionName']}/archive.zip?signature=secret-signature"


def _blob(world: World, name: str, size: int, base: str) -> Body:
    token = f"secret-upload-{secrets.token_hex(8)}"
    world.blobs[token] = Blob(name, size)
    return {"token": token, "createUrl": f"{base}/upload/{token}"}


@method
def start_blob_upload(world: World, body: Body, base: str) -> Body:
    return _blob(world, body["name"], int(body.get("contentLength", 0)), base)


@method
def start_submission_upload(world: World, body: Body, base: str) -> Body:
    _entered(world, body["competitionName"])
    return _blob(world, body["fileName"], int(body["contentLength"]), base)


def _whole(world: World, token: str) -> Blob:
    blob = world.blobs.get(token)
    if blob is None or not blob.whole:
        raise RefusalError(400, "Invalid or incomplete upload token")
    return blob


def _dataset(world: World, body: Body) -> Dataset:
    found = world.datasets.get(f"{body['ownerSlug']}/{body['datasetSlug']}")
    if found is None:
        raise RefusalError(403, "Permission 'datasets.get' was denied")
    return found


@method
def get_dataset(world: World, body: Body, _: str) -> Body:
    found = _dataset(world, body)
    return {
        "ref": f"{body['ownerSlug']}/{body['datasetSlug']}",
        "title": found.title,
        "isPrivate": found.private,
        "currentVersionNumber": len(found.versions),
        "versions": [
            {"versionNumber": number, "versionNotes": notes}
            for number, notes in enumerate(found.notes, start=1)
            if world.lists_versions
        ],
    }


def _processing(world: World, found: Dataset) -> bool:
    return "dataset" in world.never_done or found.looks <= world.looks_until_done


@method
def get_dataset_status(world: World, body: Body, _: str) -> Body:
    found = _dataset(world, body)
    found.looks += 1
    if _processing(world, found):
        return {"status": "BLOBS_RECEIVED"}
    return {"status": world.dataset_status}


def _files(world: World, files: list[Body]) -> dict[str, bytes]:
    blobs = [_whole(world, file["token"]) for file in files]
    return {blob.name: bytes(blob.data) for blob in blobs}


def _ok(world: World, ref: str) -> Body:
    if world.dataset_error:
        return {"status": "error", "error": world.dataset_error}
    return {"ref": f"/{ref}", "url": f"https://www.kaggle.com/datasets/{ref}", "status": "Ok"}


@method
def create_dataset(world: World, body: Body, _: str) -> Body:
    ref = f"{body['ownerSlug']}/{body['slug']}"
    answer = _ok(world, ref)
    if answer["status"] == "Ok":
        made = Dataset(body["title"], body.get("isPrivate", False))
        made.versions.append(_files(world, body["files"]))
        made.notes.append("Initial release")
        world.datasets[ref] = made
    return answer


@method
def create_dataset_version(world: World, body: Body, _: str) -> Body:
    """Kaggle takes no second version while it processes the first."""
    found = _dataset(world, body)
    if len(found.versions) == 1 and _processing(world, found):
        raise RefusalError(403, "Permission 'datasets.update' was denied")
    answer = _ok(world, f"{body['ownerSlug']}/{body['datasetSlug']}")
    if answer["status"] == "Ok":
        found.versions.append(_files(world, body["body"]["files"]))
        found.notes.append(body["body"]["versionNotes"])
        found.looks = 0
    return answer


@method
def save_kernel(world: World, body: Body, _: str) -> Body:
    """Kaggle saves and runs a kernel without the sources that it doesn't know, and names them."""
    if world.sessions_taken:
        world.sessions_taken -= 1
        return {"error": "Maximum batch GPU session count of 2 reached."}
    if world.kernel_error:
        return {"error": world.kernel_error}
    runs = world.kernels.setdefault(body["slug"], [])
    live = world.start_kernel(world, body) if world.start_kernel else None
    runs.append(Run(body, live=live))
    answer: Body = {"ref": f"/code/{body['slug']}", "versionNumber": len(runs), "kernelId": 1}
    known = {"Dataset": world.datasets, "Competition": world.competitions}
    for kind, there in known.items():
        sources = body.get(f"{kind[0].lower()}{kind[1:]}DataSources", [])
        unknown = [source for source in sources if source not in there]
        if unknown:
            answer[f"invalid{kind}Sources"] = unknown
    return answer


def find_run(world: World, body: Body) -> Run:
    """The version that a request names; the newest where it names none."""
    runs = world.kernels.get(f"{body['userName']}/{body['kernelSlug']}")
    if runs is None:
        raise RefusalError(403, "Permission 'kernels.get' was denied")
    label = body.get("versionLabel", f"v{len(runs)}")
    if not label.startswith("v") or not 1 <= int(label[1:]) <= len(runs):
        raise RefusalError(404, "Not found")
    return runs[int(label[1:]) - 1]


@method
def get_kernel(world: World, body: Body, _: str) -> Body:
    """The newest version; as private as it was pushed."""
    request = find_run(world, body).request
    known = {key: request[key] for key in ("slug", "isPrivate") if key in request}
    known["currentVersionNumber"] = len(world.kernels[request["slug"]])
    return {"metadata": known, "blob": {"source": request.get("text", "")}}


@method
def get_kernel_session_status(world: World, body: Body, _: str) -> Body:
    run = find_run(world, body)
    run.looks += 1
    if run.looks == 1:
        return {"status": "QUEUED"}
    if run.live is not None:
        run.output = run.live.output
        return {"status": run.live.status}
    if "kernel" not in world.never_done and run.output is None:
        run.output = world.run_kernel(world, run.request)
    if "kernel" in world.never_done or run.looks <= world.looks_until_done:
        return {"status": "RUNNING"}
    if world.kernel_failure:
        return {"status": world.kernel_status, "failureMessage": world.kernel_failure}
    return {"status": world.kernel_status}


@method
def list_kernel_session_output(world: World, body: Body, base: str) -> Body:
    run = find_run(world, body)
    if run.output is None:
        raise RefusalError(404, "Not found")
    address = f"{base}/storage/kernel/{run.request['slug']}"
    version = world.kernels[run.request["slug"]].index(run)
    files = [{"url": f"{address}/{version}/{n}", "fileName": n} for n in run.output.files]
    return {"files": files, "log": as_log(run.output.log)}


def _submit(world: World, body: Body, file: str, kernel: str = "") -> Body:
    if world.submissions_left <= 0:
        raise RefusalError(400, "You have reached your submission limit for today.")
    world.submissions_left -= 1
    made = Submission(
        next(world.numbers),
        body["competitionName"],
        body.get("submissionDescription", ""),
        file,
        kernel,
        world.list_lag,
    )
    world.submissions.append(made)
    return {"message": f"Successfully submitted to {made.competition}", "ref": made.ref}


@method
def create_submission(world: World, body: Body, _: str) -> Body:
    competition = _entered(world, body["competitionName"])
    blob = _whole(world, body["blobFileTokens"])
    if not competition.takes_files:
        raise RefusalError(
            400,
            "Submission not allowed: This competition only accepts Submissions from Notebooks.",
        )
    return _submit(world, body, blob.name)


@method
def create_code_submission(world: World, body: Body, _: str) -> Body:
    _entered(world, body["competitionName"])
    slug = f"{body['kernelOwner']}/{body['kernelSlug']}"
    version = int(body["kernelVersion"])
    runs = world.kernels.get(slug, [])
    if not 1 <= version <= len(runs) or version in world.unsubmittable:
        raise RefusalError(400, "Could not find provided notebook")
    if runs[version - 1].request.get("enableInternet"):
        raise RefusalError(400, "Your Notebook cannot use internet access in this competition.")
    return _submit(world, body, body["fileName"], f"{slug}/{version}")


def _submission(world: World, made: Submission) -> Body:
    answer: Body = {
        "ref": made.ref,
        "date": _LATE,
        "description": made.description,
        "fileName": made.file,
    }
    if "submission" in world.never_done or made.looks <= world.looks_until_done:
        return answer | {"status": "PENDING"}
    if world.submission_error:
        return answer | {"status": "ERROR", "errorDescription": world.submission_error}
    scores = {"publicScore": world.public, "privateScore": world.private}
    return answer | {"status": "COMPLETE"} | scores


@method
def list_submissions(world: World, body: Body, _: str) -> Body:
    listed: list[Submission] = []
    for made in reversed(world.submissions):
        if made.competition == body["competitionName"] and made.unlisted <= 0:
            listed.append(made)
        made.unlisted -= 1
    return {"submissions": [_submission(world, one) for one in listed]}


@method
def get_submission(world: World, body: Body, _: str) -> Body:
    for made in world.submissions:
        if made.ref == body["ref"]:
            made.looks += 1
            return _submission(world, made)
    raise RefusalError(404, "Not found")

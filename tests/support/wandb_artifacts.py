"""The files and artifacts of the W&B server on this machine: what is asked, created, uploaded and committed."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class UploadedArtifact:
    """A version of an artifact."""

    name: str
    type: str
    digest: str
    run: str
    contents: dict[str, str] = field(default_factory=dict)
    """Where each of its files is kept, as its manifest says."""
    committed: bool = False


class Storage:
    """What was uploaded, by place: `files/<run>/<name>` of runs, `artifacts/<id>/<name>` of artifacts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.kept: dict[str, bytes] = {}
        self.artifacts: dict[str, UploadedArtifact] = {}
        self.uploads: list[str] = []
        """The place of every upload, in order."""

    def place(self, *parts: str) -> str:
        """The address to which a file is uploaded."""
        return "/".join((self._url, "kept", *parts))

    def keep(self, place: str, content: bytes) -> None:
        """Take an upload."""
        self.kept[place] = content
        self.uploads.append(place)

    def files_of(self, run: str) -> dict[str, bytes]:
        """The files of a run by name."""
        start = f"files/{run}/"
        return {place.removeprefix(start): held for place, held in self.kept.items() if place.startswith(start)}

    def committed(self, kind: str) -> list[UploadedArtifact]:
        """The complete versions of artifacts of a type."""
        return [one for one in self.artifacts.values() if one.type == kind and one.committed]

    def content(self, artifact: UploadedArtifact) -> dict[str, bytes]:
        """The files of an artifact by name."""
        return {name: self.kept[place] for name, place in artifact.contents.items()}

    def answer(self, name: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a GraphQL operation; None for one that is not about files or artifacts."""
        given = variables.get("input") or variables
        match name:
            case "" if ":" in str(given.get("name")):  # which type an artifact of this name has
                return {"project": {"artifact": None}}
            case "" if given.get("id") in self.artifacts:
                return {"artifact": self._described(given["id"])}
            case "CreateRunFiles":
                files = [
                    {"name": file, "uploadUrl": self.place("files", given["run"], file)} for file in given["files"]
                ]
                return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}
            case "CreateArtifact":
                return {"createArtifact": {"artifact": self._create(given)}}
            case "CreateArtifactManifest" | "UpdateArtifactManifest":
                return {
                    name[0].lower() + name[1:]: {
                        "artifactManifest": {
                            "id": given.get("artifactID") or given["artifactManifestID"],
                            "file": {
                                "id": "manifest",
                                "uploadUrl": self.place("manifests", str(given.get("artifactID"))),
                                "uploadHeaders": [],
                            },
                        }
                    }
                }
            case "CreateArtifactFiles":
                nodes = [self._file(spec) for spec in given["artifactFiles"]]
                return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}
            case "CommitArtifact":
                return {"commitArtifact": {"artifact": self._commit(given["artifactID"])}}
        return None

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        """As W&B does: content that a collection has already is that version, and nothing of it is uploaded again."""
        new = UploadedArtifact(
            given["artifactCollectionName"], given["artifactTypeName"], given["digest"], given["runName"]
        )
        known = [key for key, one in self.artifacts.items() if (one.name, one.digest) == (new.name, new.digest)]
        key = known[0] if known else f"artifact-{len(self.artifacts)}"
        held = self.artifacts.setdefault(key, new)
        state = "COMMITTED" if held.committed else "PENDING"
        return {"id": key, "state": state, "artifactSequence": {"id": held.name, "latestArtifact": None}}

    def _described(self, key: str) -> dict[str, Any]:
        artifact = self.artifacts[key]
        project = {"id": "project", "internalId": "project", "name": "warmuplab", "entity": {"name": "somebody"}}
        nothing = ("description", "metadata", "historyStep", "commitHash", "updatedAt")
        return dict.fromkeys(nothing) | {
            "id": key,
            "artifactSequence": {"name": artifact.name, "project": project},
            "artifactType": {"name": artifact.type},
            "versionIndex": 0,
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "tags": [],
            "aliases": [],
            "state": "COMMITTED" if artifact.committed else "PENDING",
            "size": sum(map(len, self.content(artifact).values())),
            "digest": artifact.digest,
            "fileCount": len(artifact.contents),
            "createdAt": "2026-11-01T10:00:00Z",
        }

    def _file(self, spec: dict[str, Any]) -> dict[str, Any]:
        key, name = spec["artifactID"], spec["name"]
        self.artifacts[key].contents[name] = f"artifacts/{key}/{name}"
        return {
            "name": name,
            "storagePath": f"artifacts/{key}/{name}",
            "uploadUrl": self.place("artifacts", key, name),
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": key},
        }

    def _commit(self, key: str) -> dict[str, Any]:
        artifact = self.artifacts[key]
        manifest = json.loads(self.kept[f"manifests/{key}"])
        assert set(manifest["contents"]) == set(artifact.contents), "its manifest names other files"
        artifact.committed = True
        return {"id": key, "digest": artifact.digest}

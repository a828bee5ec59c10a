# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From HTTP to an operation with its parameters, and from a result or an error back to HTTP.

Everything is read from botocore's service models; moto's routers and serializers, which do the same, are used
where they exist.
"""

from __future__ import annotations

import functools
import gzip
import io
import ipaddress
import json
import re
import uuid
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore
from botocore.parsers import create_parser
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from lab.aws.errors import AwsError

Environ = dict[str, Any]

_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Target:
    """What a request is aimed at."""

    service: str
    protocol: str
    model: ServiceModel
    operation: OperationModel
    uri_params: dict[str, Any]


def buffered(environ: Environ) -> tuple[Environ, bytes]:
    """The request with its body read, so that it can be read again by whoever comes later."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    stream = environ["wsgi.input"]
    body = stream.read() if environ.get("wsgi.input_terminated") and not length else stream.read(length)
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip":  # boto3 does so with large requests
        environ = {key: value for key, value in environ.items() if key != "HTTP_CONTENT_ENCODING"}
        body = _unzipped(body)
    return rewound(environ, body), body


def _unzipped(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            plain = packed.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise AwsError("SerializationException", "The request is not valid gzip.", 400) from None
    if len(plain) > _MOST_BYTES:
        raise AwsError("RequestEntityTooLargeException", "The request is too large.", 413)
    return plain


def rewound(environ: Environ, body: bytes) -> Environ:
    copy = {key: value for key, value in environ.items() if not key.startswith("werkzeug.request")}
    copy["wsgi.input"] = io.BytesIO(body)
    copy["CONTENT_LENGTH"] = str(len(body))
    return copy


def is_local(environ: Environ) -> bool:
    """Whether a program on this machine is asking: from loopback, or from the very address that it goes to.

    A web page in a browser on this machine is not such a program: it cannot name the lab by an address of its own.
    """
    remote = environ.get("REMOTE_ADDR", "")
    near = remote.startswith("127.") or remote in ("::1", environ.get("SERVER_NAME"))
    host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
    return near and (host == "localhost" or _is_address(host))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@functools.cache
def _metadata_by_signing_name() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Every service model's metadata by the name that its requests are signed for (and by its endpoint prefix)."""
    index: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    decoder = json.JSONDecoder()
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        models = sorted(folder.glob("*/service-2.json.gz"))
        if not models:
            continue
        # The metadata stands at the head of the file: read no further, there are 400 of them.
        with gzip.open(models[-1], "rt", encoding="utf-8") as model:
            head = model.read(8192)
        start = re.search(r'"metadata"\s*:\s*', head)
        if start is None:
            continue
        metadata, _end = decoder.raw_decode(head, start.end())
        names = {metadata.get("signingName") or metadata["endpointPrefix"], metadata["endpointPrefix"]}
        for name in names:
            index.setdefault(name.lower(), []).append((folder.name, metadata))
    return index


def services_signed_as(signing_name: str) -> list[str]:
    """The services that sign as this name: usually one; elb and elbv2, for instance, share theirs."""
    signing_name = signing_name.lower()
    named = [service for service, _metadata in _metadata_by_signing_name().get(signing_name, [])]
    # The service of that very name first (`events` is also eventbridge, `s3` is also s3control).
    return sorted(named, key=lambda service: (service != signing_name, service))


def find_target(environ: Environ, signing_name: str) -> Target:
    """Which operation of which service this is; UnknownOperationException when it is none."""
    services = services_signed_as(signing_name)
    if not services:
        raise AwsError("UnknownOperationException", f"There is no service that is signed for as {signing_name}.", 404)
    request = Request(environ)
    version = request.values.get("Version") if "x-www-form-urlencoded" in (request.content_type or "") else None
    for service in services:
        model = get_service_model(service)
        if version and model.api_version != version and len(services) > 1:
            continue
        try:
            protocol = determine_request_protocol(model, request.content_type)
            operation, uri_params = get_service_router(service).match(request)
        except (NotFound, NotImplementedError):
            continue
        return Target(service, protocol, model, operation, uri_params)
    raise _unknown_operation(services[0], request)


def _unknown_operation(service: str, request: Request) -> AwsError:
    protocol = get_service_model(service).protocol
    if protocol in ("query", "ec2"):
        action = request.values.get("Action", "")
        return AwsError("InvalidAction", f"The action {action} is not valid for this web service.", 400)
    if protocol == "json":
        return AwsError("UnknownOperationException", f"Unknown operation: {request.headers.get('X-Amz-Target')}", 400)
    return AwsError("UnknownOperationException", f"Unknown operation: {request.method} {request.path}", 404)


def protocol_of(environ: Environ, signing_name: str) -> tuple[str, str]:
    """(service, protocol) for a request that may not be routable: enough to word an error."""
    services = services_signed_as(signing_name)
    if not services:
        return signing_name, "json" if "HTTP_X_AMZ_TARGET" in environ else "query"
    model = get_service_model(services[0])
    try:
        return services[0], determine_request_protocol(model, environ.get("CONTENT_TYPE"))
    except NotImplementedError:
        return services[0], str(model.protocol)


def _serializer(service: str, protocol: str, operation: OperationModel) -> Any:
    return get_serializer_class(service, protocol)(operation_model=operation, value_picker=XFormedAttributePicker())


def _response(serialized: dict[str, Any], status: int | None = None) -> Response:
    request_id = str(uuid.uuid4())
    headers = {key: str(value) for key, value in serialized["headers"].items()}
    headers["x-amzn-RequestId"] = request_id
    body = serialized["body"]
    if isinstance(body, str):
        body = body.replace(">request-id<", f">{request_id}<")  # moto's serializers leave that to others
    return Response(body, status or serialized["status_code"], headers)


class _Rendered(ServiceException):  # type: ignore[misc] # moto is not typed
    """Defined here, not in moto, so that the serializer looks for the error's shape in the service called."""


def render_error(service: str, protocol: str, error: AwsError) -> Response:
    """The error in the shape of the service's protocol."""
    exception = _Rendered(error.code, error.message)
    for name, value in error.extra.items():
        setattr(exception, name, value)
    try:
        model = get_service_model(service)
    except Exception:
        model = get_service_model("sts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the common errors of AWS stand in no service's model
        serialized = _serializer(service, protocol, OperationModel({}, model)).serialize(exception)
    return _response(serialized, error.status)


def render_result(target: Target, result: dict[str, Any]) -> Response:
    """The result in the shape of the operation's output."""
    output = target.operation.output_shape
    members = output.members.items() if output is not None else ()
    status = next(
        (result.get(name) for name, member in members if member.serialization.get("location") == "statusCode"), None
    )
    return _response(_serializer(target.service, target.protocol, target.operation).serialize(result), status)


def error_code(response: Response) -> str | None:
    """The AWS error code that an answer carries."""
    named = response.headers.get("X-Amzn-ErrorType") or response.headers.get("x-amzn-errortype")
    if named:
        return named.split(":")[0].split("#")[-1]
    text = response.get_data(as_text=True)
    try:
        document = json.loads(text)
        return str(document.get("__type", document.get("code"))).split("#")[-1]
    except (ValueError, AttributeError):
        match = re.search(r"<Code>([^<]*)</Code>", text)
        return match[1] if match else None


def parse_result(target: Target, response: Response) -> dict[str, Any]:
    """A successful answer as the operation's output."""
    parsed: dict[str, Any] = create_parser(target.protocol).parse(
        {
            "headers": dict(response.headers),
            "status_code": response.status_code,
            "body": response.get_data(),
            "context": {"operation_name": target.operation.name},
        },
        target.operation.output_shape,
    )
    parsed.pop("ResponseMetadata", None)
    return parsed


def parse_error(target: Target, response: Response) -> AwsError:
    """An error answer as the exception it stands for."""
    parsed = create_parser(target.protocol).parse(
        {"headers": dict(response.headers), "status_code": response.status_code, "body": response.get_data()},
        target.operation.output_shape,
    )
    error = parsed.get("Error", {})
    return AwsError(error.get("Code", "InternalFailure"), error.get("Message", ""), response.status_code)

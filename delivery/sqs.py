"""SQS over a lean signed call: botocore's credentials and signer, without its 1.4 ms of CPU around each request.

Protocol: AWS JSON 1.0, whose parameters and answers are those of boto3's client (Amazon SQS API Reference).
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.session import Session

_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 30  # longer than the longest long poll (20 s)
_RETRY: Final = urllib3.Retry(
    total=3,
    backoff_factor=0.1,
    backoff_jitter=0.1,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=None,  # every call is a POST, and SQS Standard promises at least once anyway
    raise_on_status=False,
)
#: CreateQueue under a name that has other attributes: in the JSON protocol, and as older clients know it.
_EXISTS: Final = frozenset({"QueueNameExists", "QueueAlreadyExists", "AWS.SimpleQueueService.QueueNameExists"})


class SqsClient:
    """A client for all queues of one region; safe to share between threads."""

    def __init__(self, *, region: str, endpoint_url: str = "", connections: int = 16) -> None:
        self._url = endpoint_url or f"https://sqs.{region}.amazonaws.com"
        self._region = region
        self._credentials = Session().get_credentials()
        self._pool = urllib3.PoolManager(
            maxsize=connections, retries=_RETRY, timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
        )

    def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation such as `ReceiveMessage` and return its answer.

        Raises ClientError with SQS's own error code, and urllib3.exceptions.HTTPError when SQS is not reached.
        """
        body = orjson.dumps(parameters)
        answer = self._pool.request("POST", self._url, body=body, headers=self._signed_headers(operation, body))
        if answer.status != 200:
            raise ClientError(_error(answer), operation)
        return orjson.loads(answer.data) if answer.data else {}

    def ensure_queue(self, name: str, attributes: Mapping[str, str]) -> str:
        """Create the queue, or bring its attributes up to date; return its address."""
        try:
            url: str = self.call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXISTS:
                raise
            url = self.call("GetQueueUrl", QueueName=name)["QueueUrl"]
            self.call("SetQueueAttributes", QueueUrl=url, Attributes=attributes)
        return url

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        if self._credentials is None:
            raise NoCredentialsError
        request = AWSRequest(
            method="POST",
            url=self._url,
            data=body,
            headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"},
        )
        # The credentials refresh themselves (roles rotate), so they are read for each call.
        SigV4Auth(self._credentials.get_frozen_credentials(), "sqs", self._region).add_auth(request)
        return dict(request.headers.items())


def _error(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """Return the error in boto3's form, with the code that boto3's clients see."""
    try:
        problem = orjson.loads(answer.data)
    except orjson.JSONDecodeError:
        problem = {}
    code = answer.headers.get("x-amzn-query-error", "").split(";")[0] or problem.get("__type", "").split("#")[-1]
    return {
        "Error": {"Code": code or str(answer.status), "Message": problem.get("message") or problem.get("Message", "")},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }

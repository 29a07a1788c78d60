"""Cancel means cancel: right after the submission, again and again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from schemas.event import FINAL_EVENTS
from tests.client import HELLO, Client, Json

ROUNDS = 200
# Done at once, some seconds of a stream, and for as long as anybody waits.
MODELS = ("sandbox/instant", "sandbox/slow", "openai/hang")


def test_of_200_jobs_cancelled_right_after_their_submission_none_succeeds_after_a_200(client: Client) -> None:
    def submit_and_cancel(number: int) -> tuple[str, int]:
        key: Json = {"concurrency_key": f"cancel-{number % 4}", "concurrency_limit": 3} if number % 2 else {}
        job = client.submit({"model": MODELS[number % 3], "messages": HELLO, "stream": number % 3 == 1}, **key)
        return job["id"], client.http.post(f"/v1/jobs/{job['id']}/cancel").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(submit_and_cancel, range(ROUNDS)))
        finals = list(pool.map(client.wait, [job_id for job_id, _ in answers]))
    outcomes = Counter((code, final["status"]) for (_, code), final in zip(answers, finals, strict=True))
    assert set(outcomes) <= {(200, "cancelled"), (409, "succeeded")}, outcomes
    assert outcomes[200, "cancelled"] > ROUNDS / 2
    for job_id, _ in answers[:: ROUNDS // 20]:
        ends = [event["type"] for event in client.events(job_id) if event["type"] in FINAL_EVENTS]
        assert len(ends) == 1, ends
    for number in range(4):
        assert client.run(concurrency_key=f"cancel-{number}", concurrency_limit=3)["status"] == "succeeded"

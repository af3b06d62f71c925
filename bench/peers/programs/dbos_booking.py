"""The booking saga as users of DBOS write it: a workflow an intent, the payment a message to it.

Served by FastAPI under uvicorn. DBOS keeps the workflow, its messages and its status in PostgreSQL.
"""

import os
import sys
from typing import Any

import uvicorn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from fastapi import FastAPI
from pydantic import BaseModel

PAYMENT_LIMIT_S = 600
ACCEPTED = 202
KEEP_ALIVE_S = 300


class Intent(BaseModel):
    intentId: str
    userId: str
    amount: int
    currency: str


class Payment(Intent):
    paymentId: str


@DBOS.workflow()
async def book(intent: dict[str, Any]) -> str:
    payment = await DBOS.recv_async("paid", timeout_seconds=PAYMENT_LIMIT_S)
    status = "confirmed" if payment is not None and is_right(intent, payment) else "failed"
    await DBOS.set_event_async("status", status)
    return status


def is_right(intent: dict[str, Any], payment: dict[str, Any]) -> bool:
    """Whether this payment is the intent's price, from its customer."""
    return all(intent[field] == payment[field] for field in ("amount", "currency", "userId"))


app = FastAPI()
running: dict[str, Any] = {}
"""Workflows of this process, by intent: their results need not be polled for."""


@app.post("/booking/{intent_id}", status_code=ACCEPTED)
async def wish(intent_id: str, intent: Intent) -> None:
    with SetWorkflowID(intent_id):
        running[intent_id] = await DBOS.start_workflow_async(book, intent.model_dump())


@app.post("/booking/{intent_id}/paid", status_code=ACCEPTED)
async def paid(intent_id: str, payment: Payment) -> None:
    await DBOS.send_async(
        intent_id, payment.model_dump(), "paid", idempotency_key=payment.paymentId
    )


@app.get("/booking/{intent_id}/result")
async def result(intent_id: str) -> str:
    handle = running.pop(intent_id, None) or await DBOS.retrieve_workflow_async(intent_id)
    return await handle.get_result()


if __name__ == "__main__":
    config: DBOSConfig = {
        "name": "booking",
        "system_database_url": os.environ["DATABASE_URL"],
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )

//! A language model that always says the same after the same time: `scripted-llm ADDRESS MILLISECONDS`. Quick enough
//! that what is measured beside its time is the asker's.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, milliseconds] = arguments.as_slice() else {
        eprintln!("usage: scripted-llm ADDRESS MILLISECONDS");
        return;
    };
    let delay = Duration::from_millis(milliseconds.parse().expect("a number of milliseconds"));
    let router = Router::new()
        .route("/", get(|| async { "ready" }))
        .route("/v1/chat/completions", post(complete))
        .with_state(delay);
    let listener = tokio::net::TcpListener::bind(address).await.expect("the address is free");
    axum::serve(listener, router).await.expect("it serves until it is ended");
}

async fn complete(State(delay): State<Duration>, _request: Json<Value>) -> Json<Value> {
    tokio::time::sleep(delay).await;
    Json(json!({
        "id": "scripted",
        "object": "chat.completion",
        "model": "scripted-1",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Error: the documents describe it [1]\nSolution: do as they say [1]" },
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020 },
    }))
}

//! A model on 127.0.0.1: speaks as much of the Anthropic Messages and OpenAI Responses APIs as
//! `claude` and `codex` need, and answers what the prompt scripts. Runs on threads until dropped.

use super::script::{self, Asked, Step};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Value,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Vec<Request>>,
    refused: Mutex<HashMap<String, usize>>,
    ids: AtomicU64,
    is_stopped: AtomicBool,
    is_released: AtomicBool,
}

/// The running server.
pub struct StubModel {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl StubModel {
    /// Starts on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                thread::spawn(move || while matches!(serve(&stream, &shared), Ok(true)) {});
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Lets every `[[wait]]` go on, from now on.
    pub fn release(&self) {
        self.shared.is_released.store(true, Ordering::SeqCst);
    }

    /// What the person said in the last request of a conversation, message by message.
    pub fn heard(&self) -> Vec<String> {
        let requests = self.requests();
        let heard = requests.iter().rev().map(|request| script::heard(&request.body));
        heard.into_iter().find(|heard| !heard.is_empty()).unwrap_or_default()
    }

    /// The prompts of all model requests so far, as the model saw them.
    pub fn prompts(&self) -> Vec<String> {
        let requests = self.requests();
        let asked = requests.iter().filter_map(|request| match request.path.as_str() {
            path if path.contains("/messages") => Some(script::asked_of_messages(&request.body)),
            path if path.contains("/responses") => Some(script::asked_of_responses(&request.body)),
            _ => None,
        });
        asked.map(|asked| asked.prompt).collect()
    }
}

impl Drop for StubModel {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one request; whether the connection can carry another.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<bool> {
    let mut reader = BufReader::new(stream);
    let Some(request) = read_request(&mut reader)? else { return Ok(false) };
    shared.log.lock().unwrap().push(request.clone());
    let mut reply = Reply { stream, shared, sequence: 0 };
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("HEAD", _) => reply.head_only(),
        ("GET", _) => reply.json(404, &json!({"error": {"type": "not_found_error"}})),
        (_, path) if path.ends_with("/count_tokens") => {
            reply.json(200, &json!({"input_tokens": 1}))
        }
        (_, path) if path.ends_with("/messages") => messages(&mut reply, &request.body),
        (_, path) if path.ends_with("/responses") => responses(&mut reply, &request.body),
        _ => reply.json(200, &json!({"ok": true})),
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(String::from);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    let body = read_body(reader, &headers)?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Some(Request { method, path, headers, body }))
}

fn read_body(reader: &mut impl BufRead, headers: &HashMap<String, String>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or("0");
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if body.len() + size > BODY_BYTES_MAX {
                return Err(io::Error::other("body too large"));
            }
            reader.by_ref().take(size as u64).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let size = headers.get("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
    reader.take(BODY_BYTES_MAX.min(size) as u64).read_to_end(&mut body)?;
    Ok(body)
}

struct Reply<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
    sequence: u64,
}

impl Reply<'_> {
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_stub_{:016}", self.shared.ids.fetch_add(1, Ordering::SeqCst))
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    fn head_only(&mut self) -> io::Result<bool> {
        self.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").map(|()| true)
    }

    fn json(&mut self, status: u16, value: &Value) -> io::Result<bool> {
        let body = value.to_string();
        let wait = if matches!(status, 429 | 503 | 529) { "retry-after: 1\r\n" } else { "" };
        self.send(&format!(
            "HTTP/1.1 {status} Stub\r\ncontent-type: application/json\r\n{wait}content-length: {}\r\n\r\n{body}",
            body.len()
        ))?;
        Ok(true)
    }

    fn open_stream(&mut self) -> io::Result<()> {
        self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    }

    fn event(&mut self, kind: &str, mut value: Value) -> io::Result<()> {
        value["type"] = json!(kind);
        value["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        self.send(&format!("event: {kind}\ndata: {value}\n\n"))
    }

    fn end_stream(&mut self) -> io::Result<bool> {
        self.stream.shutdown(Shutdown::Write)?;
        Ok(false)
    }

    /// Waits for `release`.
    fn wait(&mut self) -> io::Result<()> {
        while !self.shared.is_released.load(Ordering::SeqCst) && !self.is_stopped() {
            thread::sleep(Duration::from_millis(50));
            self.send(": keep-alive\n\n")?;
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.shared.is_stopped.load(Ordering::SeqCst)
    }

    /// Waits in small steps, so that a client that gave up is noticed.
    fn sleep(&mut self, seconds: f64) -> io::Result<()> {
        let mut left = Duration::from_secs_f64(seconds.clamp(0.0, 600.0));
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(Duration::from_millis(200));
            thread::sleep(step);
            left -= step;
            self.send(": keep-alive\n\n")?;
        }
        Ok(())
    }

    /// Answers a scripted fault; `None` when there is none.
    fn fault(&mut self, asked: &Asked, steps: &[Step]) -> io::Result<Option<bool>> {
        for step in steps {
            if step.verb == "http" {
                let mut words = step.arg.split_whitespace();
                let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(500);
                let limit = words.next().and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
                let mut refused = self.shared.refused.lock().unwrap();
                let count = refused.entry(asked.prompt.clone()).or_insert(0);
                *count += 1;
                if *count <= limit {
                    drop(refused);
                    return self.json(status, &http_error(status)).map(Some);
                }
            }
            if step.verb == "hang" {
                let mut byte = [0];
                self.stream.set_read_timeout(Some(Duration::from_secs(600)))?;
                let mut stream = self.stream;
                let _ = stream.read(&mut byte);
                return Ok(Some(false));
            }
        }
        Ok(None)
    }
}

fn http_error(status: u16) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "code": kind, "message": format!("stub says {status}")}})
}

/// Tokens to report: `[[usage in=1000 out=50]]`, else small fixed ones.
fn usage(steps: &[Step]) -> (u64, u64) {
    let Some(step) = steps.iter().find(|step| step.verb == "usage") else { return (100, 20) };
    let number = |name| script::pair(&step.arg, name).parse().unwrap_or(0);
    (number("in"), number("out"))
}

fn seconds(step: &Step) -> f64 {
    step.arg.parse().unwrap_or(1.0)
}

/// The Anthropic Messages API.
fn messages(reply: &mut Reply<'_>, body: &Value) -> io::Result<bool> {
    let asked = script::asked_of_messages(body);
    let is_side_request = asked.tools.is_empty();
    let steps = if is_side_request {
        script::parse(r#"[[say {"title": "Stub session"}]]"#)
    } else {
        script::answer(&asked)
    };
    if let Some(served) = reply.fault(&asked, &steps)? {
        return Ok(served);
    }
    let (input, output) = usage(&steps);
    let mut message = json!({"id": reply.id("msg"), "type": "message", "role": "assistant",
        "model": body["model"], "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": input, "output_tokens": 1, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0}});
    if body["stream"] != true {
        message["content"] = json!([{"type": "text", "text": "Stub"}]);
        message["stop_reason"] = json!("end_turn");
        return reply.json(200, &message);
    }
    reply.open_stream()?;
    reply.event("message_start", json!({"message": message}))?;
    let mut blocks = 0;
    let mut stop = "end_turn";
    for step in &steps {
        let (start, delta) = match step.verb.as_str() {
            "sleep" => {
                reply.sleep(seconds(step))?;
                continue;
            }
            "wait" => {
                reply.wait()?;
                continue;
            }
            "say" => (
                json!({"type": "text", "text": ""}),
                json!({"type": "text_delta", "text": step.arg}),
            ),
            verb if script::is_tool(verb) => {
                stop = "tool_use";
                let (name, input) = script::claude_tool(step, &asked.cwd);
                (
                    json!({"type": "tool_use", "id": reply.id("toolu"), "name": name, "input": {}}),
                    json!({"type": "input_json_delta", "partial_json": input.to_string()}),
                )
            }
            _ => continue,
        };
        reply.event("content_block_start", json!({"index": blocks, "content_block": start}))?;
        reply.event("content_block_delta", json!({"index": blocks, "delta": delta}))?;
        reply.event("content_block_stop", json!({"index": blocks}))?;
        blocks += 1;
    }
    let delta = json!({"stop_reason": stop, "stop_sequence": null});
    let usage = json!({"input_tokens": input, "output_tokens": output});
    reply.event("message_delta", json!({"delta": delta, "usage": usage}))?;
    reply.event("message_stop", json!({}))?;
    reply.end_stream()
}

/// The OpenAI Responses API.
fn responses(reply: &mut Reply<'_>, body: &Value) -> io::Result<bool> {
    let asked = script::asked_of_responses(body);
    let names_thread = asked.prompt.trim_start().starts_with("Generate a concise, single-line");
    let steps =
        if names_thread { script::parse("[[say Stub title]]") } else { script::answer(&asked) };
    if let Some(served) = reply.fault(&asked, &steps)? {
        return Ok(served);
    }
    let mut response = json!({"id": reply.id("resp"), "object": "response", "created_at": 0,
        "model": body["model"], "status": "in_progress", "output": []});
    reply.open_stream()?;
    reply.event("response.created", json!({"response": response}))?;
    let mut output = Vec::new();
    for step in &steps {
        let item = match step.verb.as_str() {
            "sleep" => {
                reply.sleep(seconds(step))?;
                continue;
            }
            "wait" => {
                reply.wait()?;
                continue;
            }
            "say" => codex_message(reply, output.len(), &step.arg)?,
            verb if script::is_tool(verb) => script::codex_tool(step, &reply.id("call")),
            _ => continue,
        };
        let index = output.len();
        if !item["type"].eq("message") {
            reply.event(
                "response.output_item.added",
                json!({"output_index": index, "item": item}),
            )?;
        }
        reply.event("response.output_item.done", json!({"output_index": index, "item": item}))?;
        output.push(item);
    }
    let (input, out) = usage(&steps);
    response["status"] = json!("completed");
    response["output"] = json!(output);
    response["usage"] = json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": out, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + out});
    reply.event("response.completed", json!({"response": response}))?;
    reply.end_stream()
}

fn codex_message(reply: &mut Reply<'_>, index: usize, text: &str) -> io::Result<Value> {
    let id = reply.id("msg");
    let item = json!({"id": id, "type": "message", "role": "assistant", "status": "in_progress",
        "content": []});
    reply.event("response.output_item.added", json!({"output_index": index, "item": item}))?;
    let at = json!({"item_id": id, "output_index": index, "content_index": 0});
    let with = |name: &str, value: Value| {
        let mut event = at.clone();
        event[name] = value;
        event
    };
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    reply.event("response.content_part.added", with("part", part("")))?;
    reply.event("response.output_text.delta", with("delta", json!(text)))?;
    reply.event("response.output_text.done", with("text", json!(text)))?;
    reply.event("response.content_part.done", with("part", part(text)))?;
    Ok(json!({"id": id, "type": "message", "role": "assistant", "status": "completed",
        "content": [part(text)]}))
}

//! What no well-meaning client sends. Nothing of it may take the server down, and every refusal is a problem document.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const HELLO: &str =
    "kind: Runbook\nname: hello\ninputs: {who: {type: string}}\nsteps: [{run: 'echo \"$INPUT_WHO\"'}]\n";
const LONG: &str = "kind: Runbook\nname: long\nsteps: [{run: exec sleep 60}]\n";
const START: &str = "/api/v1/projects/default/runbooks/hello/runs";

/// An answer as it came: status, head in lower case, body.
struct Raw {
    status: u16,
    head: String,
    body: String,
}

/// Send these bytes as they are, which no HTTP library would.
async fn raw(server: &TestServer, request: Vec<u8>) -> Raw {
    let address = server.url.trim_start_matches("http://").to_owned();
    let ask = move || {
        let mut socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        // The server may refuse, and close, before it has read all.
        let _ = socket.write_all(&request);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Raw { status, head: head.to_lowercase(), body: body.to_owned() }
    };
    tokio::task::spawn_blocking(ask).await.expect("the thread ends")
}

fn request(server: &TestServer, method: &str, target: &[u8], more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} ").into_bytes();
    bytes.extend_from_slice(target);
    let head = format!(
        " HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n{more}\r\n",
        server.admin,
        body.len()
    );
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn problem(raw: &Raw, what: &str) -> Value {
    assert!(
        raw.head.contains("content-type: application/problem+json"),
        "{what}: {} {}\n{}",
        raw.status,
        raw.head,
        raw.body
    );
    let problem: Value = serde_json::from_str(&raw.body).unwrap_or_else(|_| panic!("{what}: {}", raw.body));
    for field in ["type", "title", "detail", "hint", "request_id"] {
        // Faults say themselves what to do.
        let told = field == "hint" && raw.status == 422;
        assert!(
            told || problem[field].as_str().is_some_and(|text| !text.is_empty()),
            "{what}: {field}: {problem}"
        );
    }
    assert_eq!(problem["status"], json!(raw.status), "{what}");
    let id = format!("x-request-id: {}", problem["request_id"].as_str().unwrap_or_default());
    assert!(raw.head.contains(&id), "{what}: the id is that of the request");
    problem
}

#[tokio::test]
async fn hostile_addresses_are_refused_as_problems() {
    let server = TestServer::start().await;
    server.apply(HELLO).await;
    let long = "a".repeat(20_000);
    let targets: Vec<(&str, Vec<u8>)> = vec![
        ("GET", b"/api".to_vec()),
        ("GET", b"/api/".to_vec()),
        ("GET", b"/api/v1".to_vec()),
        ("GET", b"/api/v1/projects/".to_vec()),
        ("GET", b"/api/v1/projects/default/../default/runs".to_vec()),
        ("GET", b"/api/v1/projects/%2e%2e/runs".to_vec()),
        ("GET", b"/api/v1/projects/../runs".to_vec()),
        ("GET", b"/api/v1/projects/default/runbooks/%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_vec()),
        ("GET", b"/api/v1/projects/default/runbooks/hello%00".to_vec()),
        ("GET", b"/api/v1/projects/default%00/runs".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?runbook=%00".to_vec()),
        ("GET", b"/api/v1/projects/default/runbooks?after=a%00".to_vec()),
        ("GET", b"/api/v1/projects/%ff%fe/runs".to_vec()),
        ("GET", b"/api/v1/projects/default/runs/%c3%28".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?runbook=%ff".to_vec()[..].to_vec()),
        ("GET", "/api/v1/projects/default/runbooks/%F0%9F%9A%A6".as_bytes().to_vec()),
        ("GET", format!("/api/v1/projects/{long}/runs").into_bytes()),
        ("GET", b"/api/v1/projects/default/runs/not-an-id".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?limit=-1".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?limit=99999999999999999999".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?limit=1&limit=2".to_vec()),
        ("GET", b"/api/v1/projects/default/runs?after=%27%3B--".to_vec()),
        ("PUT", b"/api/v1/tokens".to_vec()),
        ("OPTIONS", b"/api/v1/tokens".to_vec()),
        ("TRACE", b"/api/v1/projects".to_vec()),
        ("BREW", b"/api/v1/session".to_vec()),
        ("POST", b"/api/openapi.json".to_vec()),
        ("DELETE", b"/api/v1/projects/default/runs".to_vec()),
        ("DELETE", b"/api/v1/tokens/%2e%2e".to_vec()),
        ("POST", b"/api/v1/projects/..%2f..%2fx/apply".to_vec()),
        ("POST", b"/api/v1/projects/default/runs/0/cancel".to_vec()),
    ];
    for (method, target) in &targets {
        let what = format!("{method} {}", String::from_utf8_lossy(&target[..target.len().min(100)]));
        let answer = raw(&server, request(&server, method, target, "", b"")).await;
        // What `%ff` in a query stands for is nobody's name: an empty list is as good an answer.
        if answer.status == 200 && target.ends_with(b"runbook=%ff") {
            continue;
        }
        let problem = problem(&answer, &what);
        assert!((400..500).contains(&answer.status), "{what}: {problem}");
        if matches!(*method, "PUT" | "OPTIONS" | "TRACE" | "BREW") {
            assert_eq!(answer.status, 405, "{what}");
            assert!(answer.head.contains("\r\nallow: "), "{what}: {}", answer.head);
        }
    }
    // The console's files do not lead out of their folder, whatever stands in the address.
    for target in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/assets/../../../Cargo.toml",
        "//etc/passwd",
    ] {
        let answer = raw(&server, request(&server, "GET", target.as_bytes(), "", b"")).await;
        assert!(!answer.body.contains("root:") && !answer.body.contains("[workspace]"), "{target}");
    }
    // Below HTTP itself: refused before there is a route; the server lives on.
    for broken in [
        &b"GET /api/v1/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        assert!(matches!(raw(&server, broken.to_vec()).await.status, 0 | 400..=599));
    }
    let huge = format!("x-huge: {}\r\n", "h".repeat(1024 * 1024));
    let answer = raw(&server, request(&server, "GET", b"/api/v1/projects", &huge, b"")).await;
    assert!(matches!(answer.status, 0 | 431), "{}", answer.status);
    let many: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = raw(&server, request(&server, "GET", b"/api/v1/projects", &many, b"")).await;
    assert!(matches!(answer.status, 0 | 431), "{}", answer.status);
    let (status, _) = server.get("/api/v1/projects").await;
    assert_eq!(status, StatusCode::OK, "the server lives on");
    let head = raw(&server, request(&server, "HEAD", b"/api/v1/projects", "", b"")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn hostile_bodies_are_refused_as_problems() {
    let server = TestServer::start().await;
    server.apply(HELLO).await;
    let deep = |levels: usize| {
        format!("{{\"inputs\":{{\"who\":{}1{}}}}}", "[".repeat(levels), "]".repeat(levels)).into_bytes()
    };
    let many: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":\"v\"")).collect();
    let json = "content-type: application/json\r\n";
    let bodies: Vec<(&str, &str, Vec<u8>, &[u16])> = vec![
        ("no type", "", b"{}".to_vec(), &[400, 415]),
        ("another type", "content-type: text/plain\r\n", b"{}".to_vec(), &[400, 415]),
        ("a form", "content-type: application/x-www-form-urlencoded\r\n", b"inputs=1".to_vec(), &[400, 415]),
        ("nothing", json, Vec::new(), &[400]),
        ("no JSON", json, b"{".to_vec(), &[400]),
        ("not UTF-8", json, b"{\"reason\":\"\xff\"}".to_vec(), &[400]),
        ("half a surrogate", json, br#"{"reason":"\ud800"}"#.to_vec(), &[400]),
        ("another shape", json, b"[]".to_vec(), &[400]),
        ("its fields in a row", json, br#"[{"who":"x"},null,null]"#.to_vec(), &[400]),
        ("an unknown field", json, br#"{"inputs":{},"as":"root"}"#.to_vec(), &[400]),
        ("a field twice", json, br#"{"reason":"a","reason":"b"}"#.to_vec(), &[400]),
        ("an input twice", json, br#"{"inputs":{"who":"a","who":"b"}}"#.to_vec(), &[400]),
        ("two documents", json, b"{}{}".to_vec(), &[400]),
        ("64 levels", json, deep(64), &[400, 422]),
        ("10000 levels", json, deep(10_000), &[400]),
        ("many inputs", json, format!("{{\"inputs\":{{{}}}}}", many.join(",")).into_bytes(), &[422]),
        ("a huge number", json, br#"{"inputs":{"who":1e999}}"#.to_vec(), &[400, 422]),
        ("a NUL", json, br#"{"inputs":{"who":"a\u0000b"}}"#.to_vec(), &[422]),
        ("a NUL in a name", json, br#"{"inputs":{"wh\u0000o":"a"}}"#.to_vec(), &[422]),
        ("a NUL in the reason", json, br#"{"reason":"a\u0000b"}"#.to_vec(), &[422]),
        ("somebody else's way", json, br#"{"via":"root"}"#.to_vec(), &[400]),
        ("too long a reason", json, format!("{{\"reason\":\"{}\"}}", "r".repeat(5000)).into_bytes(), &[422]),
        ("9 MiB", json, format!("{{\"reason\":\"{}\"}}", "r".repeat(9 << 20)).into_bytes(), &[413]),
    ];
    for (what, head, body, expected) in bodies {
        let answer = raw(&server, request(&server, "POST", START.as_bytes(), head, &body)).await;
        problem(&answer, what);
        assert!(expected.contains(&answer.status), "{what}: {} {}", answer.status, &answer.body);
        assert!(answer.body.len() < 1 << 20, "{what}: the refusal is small");
    }
    let cut = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let head = format!(
        "POST {START} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{cut}\r\nzz\r\n",
        server.admin
    );
    assert!(matches!(raw(&server, head.into_bytes()).await.status, 0 | 400..=499));
    let (_, runs) = server.get("/api/v1/projects/default/runs").await;
    assert_eq!(runs["items"], json!([]), "nothing was started");
    for bad in ["", "a b", &"k".repeat(129)] {
        let request = server.with(&server.admin, Method::POST, START).header("idempotency-key", bad);
        let (status, refused) = answer(request.json(&json!({}))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad:?}: {refused}");
    }
}

#[tokio::test]
async fn credentials_in_all_their_forms() {
    let server = TestServer::start().await;
    let admin = server.admin.clone();
    let session =
        |value: String| server.bare(Method::GET, "/api/v1/session").header(header::AUTHORIZATION, value);
    for good in [format!("bearer {admin}"), format!("BEARER {admin}"), format!("Bearer   {admin}  ")] {
        assert_eq!(answer(session(good.clone())).await.0, StatusCode::OK, "{good}");
    }
    for bad in [
        admin.clone(),
        format!("Bearer{admin}"),
        format!("Basic {admin}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {admin} {admin}"),
        format!("Bearer {}", admin.to_uppercase()),
        format!("Bearer \"{admin}\""),
    ] {
        let answered = session(bad.clone()).send().await.expect("an answer");
        assert_eq!(answered.status(), StatusCode::UNAUTHORIZED, "{bad}");
        assert_eq!(answered.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let text = answered.text().await.expect("a body");
        assert!(!text.contains(&admin), "{bad}: {text}");
    }
    let cookie = |value: &[u8]| {
        let value = header::HeaderValue::from_bytes(value).expect("a header");
        server.bare(Method::GET, "/api/v1/session").header(header::COOKIE, value)
    };
    let with_token = format!("signalbox_session={admin}");
    for bad in [
        &b"signalbox_session="[..],
        b"signalbox_session",
        b";;;=;=",
        b"signalbox_session=\xff\xfe",
        b"signalbox_session=%00",
        with_token.as_bytes(),
    ] {
        let (status, refused) = answer(cookie(bad)).await;
        assert_eq!((status, &refused["type"]), (StatusCode::UNAUTHORIZED, &json!("/problems/not-signed-in")));
    }
    // The pages of this server, under whatever name it is called.
    let signed_in = |host: &str, origin: &str| {
        let request = server.bare(Method::POST, "/api/v1/session").json(&json!({"token": admin}));
        request.header(header::HOST, host).header(header::ORIGIN, origin)
    };
    for (host, origin, good) in [
        ("[::1]:8480", "http://[::1]:8480", true),
        ("Box.Example", "https://box.example", true),
        ("box.example", "https://box.example.evil.example", false),
        ("box.example", "https://box.example:444", false),
        ("box.example", "null", false),
        ("box.example", "box.example", false),
        ("box.example", "", false),
        ("box.example", "https://evil.example/https://box.example", false),
    ] {
        let (status, _) = answer(signed_in(host, origin)).await;
        let expected = if good { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(status, expected, "{host} {origin}");
    }
}

#[tokio::test]
async fn the_same_key_elsewhere_is_another_key_and_what_was_started_stays_started() {
    let server = TestServer::start().await;
    server.apply(&format!("{HELLO}---\n{}", HELLO.replace("name: hello", "name: other"))).await;
    let member = server.token("mia", "member").await;
    let post = |token: &str, path: &str, body: Value| {
        server.with(token, Method::POST, path).header("idempotency-key", "one").json(&body)
    };
    let other = START.replace("hello", "other");
    let mut ids = std::collections::BTreeSet::new();
    for (token, path) in [(&server.admin, START), (&member, START), (&server.admin, other.as_str())] {
        let (status, run) = answer(post(token, path, json!({}))).await;
        assert_eq!(status, StatusCode::CREATED, "{run}");
        ids.insert(run["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 3, "keys belong to the principal and the route");
    let (_, first) = answer(post(&server.admin, START, json!({}))).await;
    // The runbook goes away, and takes other inputs when it comes back: the same call still has the same answer.
    let prune = json!({"documents": [{"path": "other.yaml", "text": LONG}], "prune": true});
    assert_eq!(server.post("/api/v1/projects/default/apply", prune).await.0, StatusCode::OK);
    let again = post(&server.admin, START, json!({})).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<Value>().await.expect("JSON")["id"], first["id"]);
    let (status, _) = answer(post(&server.admin, START, json!({"reason": "another"}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "another body under the same key");
    let (status, _) = server.post(START, json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "retired, for everybody else");
    // Many at once are one.
    let burst = (0..20).map(|_| {
        let path = "/api/v1/projects/default/runbooks/long/runs";
        answer(server.with(&member, Method::POST, path).header("idempotency-key", "burst").json(&json!({})))
    });
    let started: std::collections::BTreeSet<String> = futures_util::future::join_all(burst)
        .await
        .into_iter()
        .map(|(_, run)| run["id"].to_string())
        .collect();
    assert_eq!(started.len(), 1, "{started:?}");
}

/// Wait until a stream has closed; panics if it does not.
async fn closes(stream: reqwest::Response) -> String {
    let mut text = String::new();
    let mut bytes = stream.bytes_stream();
    let read = async {
        while let Some(Ok(piece)) = bytes.next().await {
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("the stream closes");
    text
}

#[tokio::test]
async fn a_stream_ends_with_the_credential_that_opened_it() {
    let server = TestServer::start().await;
    server.apply(LONG).await;
    let run = server.start_run("long", json!({})).await;
    server.reach(&run, &["running"]).await;
    let one = format!("/api/v1/projects/default/runs/{run}/live");
    let all = "/api/v1/projects/default/runs/live";
    let mia = server.token("mia", "member").await;
    let ada = server.token("ada", "member").await;
    let session = server.bare(Method::POST, "/api/v1/session").json(&json!({"token": ada}));
    let session = session.send().await.expect("an answer");
    let cookie = session.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();
    let open = async |token: &str, path: &str| {
        let stream = server.with(token, Method::GET, path).send().await.expect("an answer");
        assert_eq!(stream.status(), StatusCode::OK);
        stream
    };
    let of_mia = [open(&mia, &one).await, open(&mia, all).await];
    let of_ada = open(&ada, &one).await;
    let of_session =
        server.bare(Method::GET, &one).header(header::COOKIE, &cookie).send().await.expect("an answer");
    assert_eq!(of_session.status(), StatusCode::OK);

    let (_, tokens) = server.get("/api/v1/tokens").await;
    let id =
        tokens["items"].as_array().expect("items").iter().find(|token| token["name"] == "mia").expect("mia")
            ["id"]
            .clone();
    let revoke = server.with(
        &server.admin,
        Method::DELETE,
        &format!("/api/v1/tokens/{}", id.as_str().expect("an id")),
    );
    assert_eq!(answer(revoke).await.0, StatusCode::NO_CONTENT);
    for stream in of_mia {
        assert!(!closes(stream).await.contains("event: end"));
    }
    let sign_out = server.bare(Method::DELETE, "/api/v1/session").header(header::COOKIE, &cookie);
    assert_eq!(answer(sign_out.header(header::ORIGIN, &server.url)).await.0, StatusCode::NO_CONTENT);
    closes(of_session).await;
    // Whose credential is in force follows on.
    let cancel = server.post(&format!("/api/v1/projects/default/runs/{run}/cancel"), json!({})).await;
    assert_eq!(cancel.0, StatusCode::ACCEPTED);
    assert!(closes(of_ada).await.contains("event: end"));
}

#[tokio::test]
async fn hundreds_follow_and_leave_and_places_that_never_were_are_refused_or_harmless() {
    let server = TestServer::start().await;
    server.apply(&format!("{LONG}---\n{HELLO}")).await;
    let run = server.start_run("long", json!({})).await;
    server.reach(&run, &["running"]).await;
    let path = format!("/api/v1/projects/default/runs/{run}/live");
    let opened = (0..500).map(|_| server.with(&server.admin, Method::GET, &path).send());
    let streams = futures_util::future::join_all(opened).await;
    assert!(
        streams.iter().all(|stream| stream.as_ref().is_ok_and(|stream| stream.status() == StatusCode::OK))
    );
    let asked = Instant::now();
    assert_eq!(server.get("/api/v1/session").await.0, StatusCode::OK);
    assert!(asked.elapsed() < Duration::from_secs(2), "others are answered meanwhile");
    let (left, stay) = {
        let mut streams: Vec<reqwest::Response> = streams.into_iter().flatten().collect();
        let stay = streams.split_off(250);
        (streams, stay)
    };
    drop(left);
    assert_eq!(
        server.post(&format!("/api/v1/projects/default/runs/{run}/cancel"), json!({})).await.0,
        StatusCode::ACCEPTED
    );
    for text in futures_util::future::join_all(stay.into_iter().map(closes)).await {
        assert!(text.contains("event: end"));
    }

    let run = server.start_run("hello", json!({"who": "x"})).await;
    server.ended(&run).await;
    let path = format!("/api/v1/projects/default/runs/{run}/live");
    for bad in
        [&b"\xff\xfe"[..], b"x", b"1;0.0", b"18446744073709551616;0.0.0", b"-1;0.0.0", b"1;0.0.0; drop"]
    {
        let bad = header::HeaderValue::from_bytes(bad).expect("a header");
        let (status, refused) =
            answer(server.with(&server.admin, Method::GET, &path).header("last-event-id", &bad)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad:?}: {refused}");
        assert!(refused["hint"].is_string());
    }
    let most = u64::MAX;
    for odd in [
        format!("{most};{}.{}.{most}", u32::MAX, u32::MAX),
        format!("1;0.1.{most}"),
        "1;0.1.1".to_owned(),
        "1;0.1.7".to_owned(),
    ] {
        let events = server.follow(&run, "", Some(&odd)).await;
        assert_eq!(events.last().map(|(_, event, _)| event.as_str()), Some("end"), "{odd}");
    }
    assert_eq!(server.follow(&run, &format!("?tail={most}"), None).await.last().expect("an end").1, "end");
    assert_eq!(server.get(&format!("{path}?tail=-1")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn those_who_read_much_leave_the_others_their_turn() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: flood\nsteps: [{run: yes some words of output | head -c 8000000}]\n")
        .await;
    let run = server.start_run("flood", json!({})).await;
    assert_eq!(server.ended(&run).await["state"], "succeeded");
    let address = server.url.trim_start_matches("http://").to_owned();
    let ask = |what: &str| {
        let mut socket = TcpStream::connect(&address).expect("a connection");
        let path = format!("/api/v1/projects/default/runs/{run}/{what}");
        let asked =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", server.admin);
        socket.write_all(asked.as_bytes()).expect("it can be asked");
        socket
    };
    // They read nothing, or what the system keeps for them.
    let readers: Vec<TcpStream> = (0..60).map(|n| ask(if n % 2 == 0 { "live" } else { "log" })).collect();
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(server.get("/api/v1/session").await.0, StatusCode::OK);
        longest = longest.max(asked.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    println!("longest answer beside {} readers: {longest:?}", readers.len());
}

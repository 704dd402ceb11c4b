//! Random programs: runbooks that call each other, with every kind of step and all that can be said of one.

use std::collections::BTreeMap;

use model::{
    id::{PrincipalId, RunId, Uuid},
    inventory::{PinnedInventory, Target},
    name::Digest,
    run::{CalledRunbook, Plan, Requested, Requester, RetryOf},
    runbook::{
        Batch, Concurrency, Effect, Evidence, Expression, ForEach, Input, InputKind, InputValue, InputValues,
        Items, KeyPart, Manual, On, OnLost, Retry, Runbook, Script, Step, StepAction, Template, Wait,
        WhenFull,
    },
    watch::{Signal, Verify},
};
use serde_json::{Value, json};

/// Numbers that decide; when they are used up, all that follows is the plainest. So a failing case shrinks by itself.
pub struct Choices {
    numbers: Vec<u16>,
    at: usize,
}

impl Choices {
    pub fn new(numbers: Vec<u16>) -> Self {
        Self { numbers, at: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.at >= self.numbers.len()
    }

    fn next(&mut self) -> u32 {
        self.at += 1;
        self.numbers.get(self.at - 1).copied().unwrap_or(0).into()
    }

    /// 0 is the plainest.
    pub fn below(&mut self, n: usize) -> usize {
        if n < 2 { 0 } else { self.next() as usize % n }
    }

    pub fn percent(&mut self, chance: u32) -> bool {
        self.next() % 100 >= 100 - chance
    }

    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

pub fn digest() -> Digest {
    Digest::from_bytes(&[7; 32])
}

pub fn person(number: u128, name: &str) -> Requester {
    Requester { id: PrincipalId(Uuid::from_u128(number)), name: name.into() }
}

/// Whoever asks for runs.
pub fn ann() -> Requester {
    person(1, "ann")
}

/// Whoever answers and approves.
pub fn bob() -> Requester {
    person(2, "bob")
}

pub fn script(name: &str) -> Step {
    let action = StepAction::Run { interpreter: vec!["sh".into()], script: Script::Body("true".into()) };
    Step::new(name, action, Effect::Change)
}

pub fn manual(name: &str) -> Step {
    let manual = Manual { instructions: "look".into(), fields: Vec::new(), evidence: Evidence::None };
    Step::new(name, StepAction::Manual(manual), Effect::Read)
}

pub fn approve(name: &str) -> Step {
    Step::new(name, StepAction::Approve { message: "may it?".into() }, Effect::Read)
}

pub fn wait(name: &str, duration: &str) -> Step {
    Step::new(name, StepAction::Wait(Wait::For(duration.into())), Effect::Read)
}

pub fn group(name: &str, steps: Vec<Step>) -> Step {
    Step::new(name, StepAction::Steps { steps }, Effect::Change)
}

pub fn parallel(name: &str, branches: Vec<Step>) -> Step {
    Step::new(name, StepAction::Parallel { branches }, Effect::Change)
}

pub fn call(name: &str, runbook: &str, inputs: &[(&str, &str)]) -> Step {
    let inputs = inputs.iter().map(|(name, text)| ((*name).to_owned(), Template::from(*text))).collect();
    Step::new(
        name,
        StepAction::Runbook { name: runbook.into(), inputs, secrets: BTreeMap::new() },
        Effect::Change,
    )
}

pub fn items(items: &[&str], width: u32) -> Option<ForEach> {
    Some(ForEach { items: Items::List(items.iter().map(|item| json!(item)).collect()), width })
}

pub fn on(batch: Option<Batch>, stop_after_failures: Option<u32>) -> Option<On> {
    Some(On { inventory: "shop".into(), selector: BTreeMap::new(), batch, stop_after_failures })
}

pub fn retry(attempts: u32, wait_s: u64) -> Option<Retry> {
    Some(Retry { attempts, wait_s, backoff: 1.0, on_exit: Vec::new() })
}

pub fn input(name: &str, kind: InputKind) -> Input {
    Input {
        name: name.into(),
        kind,
        required: false,
        default: None,
        default_from: None,
        description: None,
        show_if: None,
        policy_visible: false,
    }
}

pub fn runbook(name: &str, steps: Vec<Step>) -> Runbook {
    Runbook {
        name: name.into(),
        title: None,
        description: None,
        service: None,
        environment: None,
        change_class: None,
        labels: BTreeMap::new(),
        inputs: Vec::new(),
        rules: Vec::new(),
        steps,
        on_failure: Vec::new(),
        cleanup: Vec::new(),
        outputs: BTreeMap::new(),
        effect: Effect::Change,
        timeout_s: None,
        output_limit: 1,
        concurrency: None,
        on_lost: OnLost::default(),
        max_targets: None,
        grace_s: None,
        limits: Default::default(),
        run_as: None,
        probe: None,
        collects: None,
        snapshot: Vec::new(),
        verify: None,
    }
}

/// A probe that must be ok, and a fact that must have this value.
pub fn verify(within_s: u64, hold_s: Option<u64>, equals: &str) -> Verify {
    let (service, environment, key) = ("shop".into(), "production".into(), "version".into());
    let fact = Signal::Fact { service, environment, key, equals: equals.into() };
    Verify { within_s, hold_s, all: vec![Signal::Probe("check-shop".into()), fact] }
}

pub fn targets(count: usize) -> Vec<Target> {
    let target = |number: usize| Target {
        name: format!("web{number}"),
        address: None,
        environment: None,
        labels: BTreeMap::from([("odd".into(), (number % 2).to_string())]),
    };
    (1..=count).map(target).collect()
}

/// A runbook and all that it needs.
#[derive(Clone, Debug)]
pub struct Program {
    pub runbook: Runbook,
    pub callees: Vec<Runbook>,
    pub targets: Vec<Target>,
    pub inputs: InputValues,
    pub retry_of: Option<RetryOf>,
}

impl Program {
    pub fn new(runbook: Runbook) -> Self {
        let inputs = InputValues::new();
        Self { runbook, callees: Vec::new(), targets: targets(8), inputs, retry_of: None }
    }

    pub fn plan(&self) -> Plan {
        let called = |runbook: &Runbook| CalledRunbook { digest: digest(), runbook: runbook.clone() };
        let callees = self.callees.iter().map(|callee| (callee.name.clone(), called(callee))).collect();
        let shop = PinnedInventory { digest: digest(), targets: self.targets.clone() };
        Plan::of(&called(&self.runbook), &callees, &BTreeMap::from([("shop".into(), shop)])).unwrap()
    }

    pub fn requested(&self) -> Requested {
        let plan = self.plan();
        Requested {
            id: RunId(Uuid::from_u128(3)),
            project: "default".into(),
            digest: digest(),
            bundle: Some(digest()),
            inputs_digest: digest(),
            inputs: self.inputs.clone(),
            reason: None,
            by: ann(),
            via: "api".into(),
            runbook: self.runbook.name.clone(),
            title: None,
            service: None,
            environment: None,
            environments: Vec::new(),
            change_class: None,
            labels: BTreeMap::new(),
            effect: plan.effect(),
            timeout_s: self.runbook.timeout_s,
            retry_of: self.retry_of.clone(),
            plan,
        }
    }
}

/// A random program.
pub fn program(choices: &mut Choices) -> Program {
    let mut callees = Vec::new();
    for depth in 0..choices.below(4).min(2) {
        let name = format!("called{depth}");
        callees.push(Writer::default().runbook(choices, &name, &callees));
    }
    let runbook = Writer::default().runbook(choices, "main", &callees);
    let mut program = Program::new(runbook);
    program.callees = callees;
    program.targets = targets(choices.below(6));
    program.inputs.insert("x".into(), InputValue::Integer(1));
    if choices.percent(10) {
        let from = choices.pick(&program.runbook.steps).name.clone();
        let taken =
            BTreeMap::from([("s1".into(), json!({"state": "succeeded", "outputs": {"list": "a,b"}}))]);
        program.retry_of = Some(RetryOf { run: RunId(Uuid::from_u128(4)), from: Some(from), taken });
    }
    program
}

#[derive(Default)]
struct Writer {
    written: usize,
}

impl Writer {
    fn runbook(&mut self, choices: &mut Choices, name: &str, callees: &[Runbook]) -> Runbook {
        let steps = self.steps(choices, callees, 0, 4);
        let mut it = runbook(name, steps);
        it.inputs = vec![input("x", InputKind::Integer { min: None, max: None })];
        if choices.percent(20) {
            it.on_failure = self.steps(choices, callees, 2, 2);
        }
        if choices.percent(40) {
            it.cleanup = self.steps(choices, callees, 1, 2);
        }
        if choices.percent(15) {
            it.timeout_s = Some(1 + choices.below(40) as u64);
        }
        if choices.percent(40) {
            let when_full = *choices.pick(&[WhenFull::Queue, WhenFull::Refuse]);
            let key = vec![KeyPart::Text(name.into()), KeyPart::Input("x".into())];
            it.concurrency = Some(Concurrency { key, limit: 1, when_full });
        }
        if choices.percent(15) {
            it.snapshot = vec!["look-at-shop".into()];
        }
        if choices.percent(30) {
            let equals = *choices.pick(&["1", "{{ inputs.x }}", "{{ no.thing }}"]);
            it.verify = Some(verify(
                *choices.pick(&[1, 30, 86_400]),
                *choices.pick(&[None, Some(1), Some(20)]),
                equals,
            ));
        }
        it.on_lost = *choices.pick(&[
            OnLost::default(),
            OnLost::Ask { for_s: 30 },
            OnLost::Ask { for_s: u64::MAX },
            OnLost::Unknown,
            OnLost::Retry,
        ]);
        if choices.percent(30) {
            let text = *choices.pick(&["{{ inputs.x }}", "{{ steps.s1.outputs.list }}", "{{ no.thing }}"]);
            it.outputs.insert("list".into(), text.into());
        }
        it
    }

    fn steps(&mut self, choices: &mut Choices, callees: &[Runbook], depth: usize, most: usize) -> Vec<Step> {
        (0..=choices.below(most)).map(|_| self.step(choices, callees, depth)).collect()
    }

    fn step(&mut self, choices: &mut Choices, callees: &[Runbook], depth: usize) -> Step {
        self.written += 1;
        let name = format!("s{}", self.written);
        let deeper = depth < 2;
        let mut step = match choices.below(17) {
            5 => manual(&name),
            6 => approve(&name),
            7 => {
                let duration = *choices.pick(&["5s", "1m", "0s", "bad", "{{ inputs.x }}"]);
                wait(&name, duration)
            }
            8 => {
                let until = *choices.pick(&["2027-01-15T08:00:05Z", "2020-01-01T00:00:00Z", "soon"]);
                Step::new(&name, StepAction::Wait(Wait::Until(until.into())), Effect::Read)
            }
            9 | 10 if deeper => group(&name, self.steps(choices, callees, depth + 1, 3)),
            11 if deeper => parallel(&name, self.steps(choices, callees, depth + 1, 3)),
            12..=16 if !callees.is_empty() => {
                let x = *choices.pick(&["1", "{{ inputs.x }}", "no number", "{{ no.thing }}"]);
                call(&name, &choices.pick(callees).name, &[("x", x)])
            }
            _ => script(&name),
        };
        if choices.percent(10) {
            let condition = *choices.pick(&[
                "true",
                "false",
                "no.thing",
                "1",
                "inputs.x == 1",
                "steps.s1.state == 'succeeded'",
                "item == 'a'",
                "target.name == 'web1'",
            ]);
            step.condition = Some(Expression(condition.into()));
        }
        if choices.percent(12) {
            let list = |items: &[Value]| Items::List(items.to_vec());
            let items = match choices.below(6) {
                0 => list(&[json!("a"), json!("b")]),
                1 => list(&[json!("a"), json!("a"), json!({"b": 1})]),
                2 => list(&[]),
                3 => Items::Of(Expression("split(steps.s1.outputs.list)".into())),
                4 => Items::Of(Expression("no.thing".into())),
                _ => Items::Of(Expression("[1, 2, 3]".into())),
            };
            step.for_each = Some(ForEach { items, width: choices.below(4) as u32 });
        }
        if choices.percent(12) {
            step.on = Some(On {
                inventory: "shop".into(),
                selector: BTreeMap::new(),
                batch: *choices.pick(&[
                    None,
                    Some(Batch::Count(1)),
                    Some(Batch::Count(2)),
                    Some(Batch::Percent(40)),
                    Some(Batch::Count(0)),
                ]),
                stop_after_failures: *choices.pick(&[None, Some(1), Some(2), Some(0)]),
            });
        }
        if choices.percent(25) {
            step.retry = Some(Retry {
                attempts: choices.below(5) as u32,
                wait_s: *choices.pick(&[0, 5]),
                backoff: *choices.pick(&[1.0, 2.0]),
                on_exit: choices.pick(&[vec![], vec![1]]).clone(),
            });
        }
        if choices.percent(15) {
            step.timeout_s = Some(1 + choices.below(20) as u64);
        }
        step.continue_on_failure = choices.percent(15);
        step.idempotent = choices.percent(30);
        if deeper && choices.percent(15) {
            step.on_failure = self.steps(choices, callees, depth + 1, 2);
        }
        step
    }
}

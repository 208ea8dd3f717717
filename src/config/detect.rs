//! How a repository is probably built and tested, from the files at its root.

use serde_json::Value;

/// What was found about a repository.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detected {
    /// The branch work lands on; filled in by whoever knows the repository.
    pub base: Option<String>,
    /// The toolchain the commands below are of, for a person.
    pub toolchain: Option<&'static str>,
    /// Other toolchains that were seen and left out.
    pub others: Vec<&'static str>,
    /// Commands that prepare a fresh checkout.
    pub setup: Vec<String>,
    /// The test command.
    pub test: Option<String>,
    /// The lint command.
    pub lint: Option<String>,
}

type Files<'a> = &'a dyn Fn(&str) -> Option<String>;
type Detector = fn(Files<'_>) -> Option<Detected>;

/// The first that recognises the repository wins; a lock file says more than a manifest.
const DETECTORS: [Detector; 7] = [cargo, bun, node, go, uv, python, make];

/// Looks at a repository through `files`, which gives the content of a file at its root.
pub fn detect(files: Files<'_>) -> Detected {
    let mut found = DETECTORS.iter().filter_map(|detector| detector(files));
    let Some(mut first) = found.next() else { return Detected::default() };
    first.others = found.filter_map(|other| other.toolchain).collect();
    first
}

fn cargo(files: Files<'_>) -> Option<Detected> {
    files("Cargo.toml")?;
    let locked = if files("Cargo.lock").is_some() { " --locked" } else { "" };
    Some(Detected {
        toolchain: Some("cargo"),
        setup: vec![format!("cargo fetch{locked}")],
        test: Some(format!("cargo test{locked}")),
        lint: Some(format!("cargo clippy{locked} --all-targets -- -D warnings")),
        ..Detected::default()
    })
}

fn bun(files: Files<'_>) -> Option<Detected> {
    let package = package_json(files)?;
    let has_lock = files("bun.lock").or_else(|| files("bun.lockb")).is_some();
    if !has_lock && manager(&package) != "bun" {
        return None;
    }
    let test = match script(&package, "test") {
        Some(script) if !script.contains("bun test") => "bun run test".into(),
        _ => "bun test --reporter=junit --reporter-outfile=\"$MONBAN_JUNIT\"".into(),
    };
    let frozen = if has_lock { " --frozen-lockfile" } else { "" };
    Some(Detected {
        toolchain: Some("bun"),
        setup: vec![format!("bun install{frozen}")],
        test: Some(test),
        lint: script(&package, "lint").map(|_| "bun run lint".into()),
        ..Detected::default()
    })
}

fn node(files: Files<'_>) -> Option<Detected> {
    let package = package_json(files)?;
    if bun(files).is_some() {
        return None;
    }
    let has = |name| files(name).is_some();
    let (toolchain, setup, run) = match manager(&package) {
        "pnpm" => ("pnpm", "pnpm install --frozen-lockfile", "pnpm"),
        "yarn" if has(".yarnrc.yml") => ("yarn", "yarn install --immutable", "yarn"),
        "yarn" => ("yarn", "yarn install --frozen-lockfile", "yarn"),
        _ if has("pnpm-lock.yaml") => ("pnpm", "pnpm install --frozen-lockfile", "pnpm"),
        _ if has("yarn.lock") && has(".yarnrc.yml") => ("yarn", "yarn install --immutable", "yarn"),
        _ if has("yarn.lock") => ("yarn", "yarn install --frozen-lockfile", "yarn"),
        _ if has("package-lock.json") => ("npm", "npm ci", "npm"),
        _ => ("npm", "npm install", "npm"),
    };
    Some(Detected {
        toolchain: Some(toolchain),
        setup: vec![setup.into()],
        test: script(&package, "test").map(|_| format!("{run} test")),
        lint: script(&package, "lint").map(|_| format!("{run} run lint")),
        ..Detected::default()
    })
}

fn go(files: Files<'_>) -> Option<Detected> {
    files("go.mod")?;
    Some(Detected {
        toolchain: Some("go"),
        setup: vec!["go mod download".into()],
        test: Some("go test ./...".into()),
        lint: Some("go vet ./...".into()),
        ..Detected::default()
    })
}

fn uv(files: Files<'_>) -> Option<Detected> {
    files("uv.lock")?;
    Some(Detected {
        toolchain: Some("uv"),
        setup: vec!["uv sync --frozen".into()],
        test: Some("uv run pytest --junitxml=\"$MONBAN_JUNIT\"".into()),
        lint: uses_ruff(files).then(|| "uv run ruff check .".into()),
        ..Detected::default()
    })
}

fn python(files: Files<'_>) -> Option<Detected> {
    let manifests = ["pyproject.toml", "pytest.ini", "setup.cfg", "setup.py", "requirements.txt"];
    if files("uv.lock").is_some() || !manifests.iter().any(|name| files(name).is_some()) {
        return None;
    }
    Some(Detected {
        toolchain: Some("python"),
        test: Some("python -m pytest --junitxml=\"$MONBAN_JUNIT\"".into()),
        lint: uses_ruff(files).then(|| "ruff check .".into()),
        ..Detected::default()
    })
}

fn make(files: Files<'_>) -> Option<Detected> {
    let makefile = files("Makefile").or_else(|| files("makefile"))?;
    let target = |name: &str| {
        let is_rule = |line: &str| {
            let rest = line.strip_prefix(name).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with(':') && !rest.starts_with(":="))
        };
        makefile.lines().any(is_rule).then(|| format!("make {name}"))
    };
    let (test, lint) = (target("test").or_else(|| target("check")), target("lint"));
    test.is_some().then(|| Detected { toolchain: Some("make"), test, lint, ..Detected::default() })
}

fn package_json(files: Files<'_>) -> Option<Value> {
    serde_json::from_str(&files("package.json")?).ok()
}

/// The package manager the manifest names, without its version.
fn manager(package: &Value) -> &str {
    let named = package["packageManager"].as_str().unwrap_or_default();
    named.split('@').next().unwrap_or_default()
}

/// A script of the manifest, unless it is what `npm init` puts there.
fn script<'a>(package: &'a Value, name: &str) -> Option<&'a str> {
    package["scripts"][name].as_str().filter(|script| !script.contains("no test specified"))
}

fn uses_ruff(files: Files<'_>) -> bool {
    let mentions = |name| files(name).is_some_and(|text| text.contains("[tool.ruff"));
    files("ruff.toml").is_some() || files(".ruff.toml").is_some() || mentions("pyproject.toml")
}

//! What the scripted agents do, as data.

/// What a scripted agent does once it has its prompt.
pub(super) struct Script {
    pub name: &'static str,
    pub steps: &'static [Step],
}

/// One thing that a scripted agent does.
pub(super) enum Step {
    /// Say something.
    Say(&'static str),
    /// Ask to be allowed something; anything but `y` refuses.
    Permission(&'static str),
    /// Ask for an answer, and write it into a file with `{}` in its place.
    Answer { question: &'static str, path: &'static str, content: &'static str },
    /// Work for a while, a piece after another.
    Work(&'static [&'static str]),
    /// Write a file.
    Write { path: &'static str, content: &'static str },
    /// Delete a file.
    Delete { path: &'static str },
    /// Commit everything, as agents do without being asked.
    Commit { message: &'static str },
}

/// A file that imports what nobody allowed.
const PADDED: &str =
    "import pad from \"left-pad\";\n\nexport const name = pad(\"everybody\", 12);\n";

/// What the agent that takes its time looks up.
const GREETINGS: &[&str] = &[
    "English     Hello",
    "Japanese    こんにちは",
    "French      Bonjour",
    "Spanish     Hola",
    "German      Hallo",
    "Italian     Ciao",
    "Portuguese  Olá",
    "Dutch       Hoi",
    "Swedish     Hej",
    "Finnish     Moi",
    "Polish      Cześć",
    "Czech       Ahoj",
    "Hungarian   Szia",
    "Greek       Γειά σου",
    "Turkish     Merhaba",
    "Welsh       Helô",
    "Irish       Dia duit",
    "Basque      Kaixo",
    "Latvian     Sveiki",
    "Estonian    Tere",
    "Albanian    Përshëndetje",
    "Croatian    Bok",
    "Swahili     Habari",
    "Zulu        Sawubona",
    "Hawaiian    Aloha",
    "Maori       Kia ora",
    "Korean      안녕",
    "Chinese     你好",
    "Vietnamese  Xin chào",
    "Thai        สวัสดี",
    "Hindi       नमस्ते",
    "Ukrainian   Привіт",
    "Georgian    გამარჯობა",
    "Armenian    Բարև",
    "Icelandic   Halló",
    "Latin       Salve",
    "Esperanto   Saluton",
    "Tagalog     Kumusta",
    "Malay       Hai",
    "Mongolian   Сайн уу",
];

/// All of them, by name.
pub(super) const SCRIPTS: &[Script] = &[
    Script {
        name: "good",
        steps: &[
            Step::Say("I will greet people by name."),
            Step::Permission("write greet.sh"),
            Step::Write {
                path: "greet.sh",
                content: "#!/bin/sh\n# Greets whoever is named, or everybody.\necho \"Hello, ${1:-everybody}!\"\n",
            },
            Step::Say("Done: greet.sh takes a name now."),
        ],
    },
    Script {
        name: "asks",
        steps: &[
            Step::Say("I will write the port into port.conf."),
            Step::Answer {
                question: "which port should the server use?",
                path: "port.conf",
                content: "port = {}\n",
            },
            Step::Say("Done: port.conf is written."),
        ],
    },
    Script {
        name: "ready",
        steps: &[
            Step::Say("I will say in the README how to greet."),
            Step::Write {
                path: "README.md",
                content: "# greet\n\nGreets people: `sh greet.sh` says hello to everybody.\n",
            },
            Step::Say("Done: the README explains greet.sh."),
        ],
    },
    Script {
        name: "works",
        steps: &[
            Step::Say("I will look up how people greet, one language after another."),
            Step::Work(GREETINGS),
            Step::Write {
                path: "greetings.txt",
                content: "Hello\nこんにちは\nBonjour\nHola\nHallo\nCiao\n",
            },
            Step::Say("Done: greetings.txt has six languages."),
        ],
    },
    Script {
        name: "harm",
        steps: &[
            Step::Say("I will tidy up."),
            Step::Write {
                path: "tidy.js",
                content: "require(\"node:child_process\").execSync(\"rm -rf build\");\n",
            },
            Step::Delete { path: "README.md" },
            Step::Say("Done: everything is tidy."),
        ],
    },
    Script {
        name: "names",
        steps: &[
            Step::Say("I will greet people by the name in a file."),
            Step::Write {
                path: "greet.sh",
                content: "#!/bin/sh\n# Greets whoever is named, or everybody.\necho \"Hello, ${1:-everybody}!\"\n",
            },
            Step::Write {
                path: "src/name.js",
                content: "import { readFileSync } from \"node:fs\";\n\nexport const name = readFileSync(\"name.txt\", \"utf8\").trim();\n",
            },
            Step::Say("Done: the name comes from name.txt."),
        ],
    },
    Script {
        name: "imports",
        steps: &[
            Step::Say("I will take a package for that."),
            Step::Write { path: "src/name.js", content: PADDED },
            Step::Say("Done: the name is padded."),
        ],
    },
    Script {
        name: "evals",
        steps: &[
            Step::Say("I will let the name be computed."),
            Step::Write {
                path: "src/name.js",
                content: "export const name = eval(process.argv[2]);\n",
            },
            Step::Say("Done: any expression is a name."),
        ],
    },
    Script {
        name: "breaks",
        steps: &[
            Step::Say("I will make the greeting shorter."),
            Step::Write { path: "greet.sh", content: "#!/bin/sh\necho \"Hi!\"\n" },
            Step::Say("Done: it is shorter."),
        ],
    },
    Script {
        name: "commits",
        steps: &[
            Step::Say("I will take a package for that and commit it."),
            Step::Write { path: "src/name.js", content: PADDED },
            Step::Commit { message: "pad the name" },
            Step::Say("Done: committed."),
        ],
    },
];

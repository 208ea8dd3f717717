//! Actions: everything a person can do, by name. Keymaps bind them; help, palette and hints are
//! made from them.

/// Where an action means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Everywhere.
    Anywhere,
    /// Where a task is selected.
    Task,
    /// Where something of the selected task waits for a decision.
    Waiting,
    /// In a diff.
    Diff,
    /// In a text field.
    Text,
}

macro_rules! actions {
    ($($name:ident $place:ident $text:literal $says:literal)*) => {
        /// What a person meant.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Action {
            $(#[doc = $says] $name,)*
        }

        impl Action {
            /// All of them, in the order of help and palette.
            pub const ALL: &[Action] = &[$(Action::$name,)*];

            /// Its name in keymaps and the palette.
            pub fn name(self) -> &'static str {
                match self { $(Action::$name => $text,)* }
            }

            /// What it does, in a line.
            pub fn says(self) -> &'static str {
                match self { $(Action::$name => $says,)* }
            }

            /// Where it means something.
            pub fn place(self) -> Place {
                match self { $(Action::$name => Place::$place,)* }
            }
        }
    };
}

actions! {
    NextNeeding Anywhere "next needing" "jump to the next that needs you"
    Open        Anywhere "open"         "open what is selected"
    Back        Anywhere "back"         "go back"
    Leave       Anywhere "leave"        "go back; from the first screen: detach"
    Up          Anywhere "up"           "up"
    Down        Anywhere "down"         "down"
    PageUp      Anywhere "page up"      "a page up"
    PageDown    Anywhere "page down"    "a page down"
    First       Anywhere "first"        "to the first"
    Last        Anywhere "last"         "to the last"
    Left        Anywhere "left"         "to the left; in lists: to the screen before"
    Right       Anywhere "right"        "to the right; in lists: to the screen after"
    GotoFleet   Anywhere "goto fleet"   "all tasks, with the agent of the selected one"
    GotoFocus   Task     "goto focus"   "the selected task's agent, full width"
    GotoDiff    Task     "goto diff"    "the selected task's diff against its base"
    GotoGates   Task     "goto gates"   "the selected task's verdicts"
    GotoInbox   Anywhere "goto inbox"   "what waits for you"
    StepIn      Task     "step in"      "type to the agent, until the key that leaves"
    Approve     Waiting  "approve"      "look at an approval; once armed, A and y approve"
    Reject      Waiting  "reject"       "reject with a reason"
    Start       Task     "start"        "start a draft, or try an ended task again"
    Pause       Task     "pause"        "make the agent stand still, or go on"
    Judge       Task     "judge"        "run the gates again on what is there now"
    Abort       Task     "abort"        "end the agent's process tree"
    RollBack    Task     "roll back"    "return the worktree to a checkpoint or the base"
    Undo        Task     "undo"         "undo the last rollback"
    Revert      Task     "revert"       "take back what the task landed, for your approval"
    NewTask     Anywhere "new task"     "write a task down"
    Resume      Anywhere "resume"       "lift a halt or hold of the repository"
    NextFile    Diff     "next file"    "to the next file"
    PrevFile    Diff     "prev file"    "to the file before"
    NextHunk    Diff     "next hunk"    "to the next hunk"
    PrevHunk    Diff     "prev hunk"    "to the hunk before"
    Search      Anywhere "search"       "search here"
    SearchNext  Anywhere "search next"  "to the next that was searched for"
    SearchPrev  Anywhere "search prev"  "to the one before that was searched for"
    Help        Anywhere "help"         "the keys that work here"
    Palette     Anywhere "palette"      "every action, by name"
    People      Anywhere "people"       "who is here"
    Theme       Anywhere "theme"        "the next theme"
    Suspend     Anywhere "suspend"      "put the dashboard to sleep, back to the shell"
    Detach      Anywhere "detach"       "leave the dashboard; agents and daemon go on"
    Send        Text     "send"         "send what was written"
    Cancel      Text     "cancel"       "leave the field; what was written is kept"
    NextField   Text     "next field"   "to the next field"
    PrevField   Text     "prev field"   "to the field before"
    Editor      Text     "editor"       "write in $EDITOR"
}

impl Action {
    /// The action of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    /// Whether it decides something, which who only watches does not.
    pub fn decides(self) -> bool {
        matches!(self.place(), Place::Waiting)
            || matches!(self, Self::StepIn | Self::Start | Self::Pause | Self::Judge | Self::Abort)
            || matches!(self, Self::RollBack | Self::Undo | Self::NewTask | Self::Resume)
    }

    /// Whether it belongs to text fields.
    pub fn is_for_text(self) -> bool {
        self.place() == Place::Text
    }
}

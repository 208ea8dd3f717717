#!/bin/sh
# A scripted agent: an ordinary program in a terminal that runs its prompt as a shell script. It reports
# its status in-band as the real ones do, and offers `permission` and `ask` to the scripts.
esc=$(printf '\033')
report() { printf '\033]7501;state=%s:app=script\033\\' "$1"; }
encoded() { printf '%s' "$1" | base64 | tr -d '\n'; }
# In one piece: who is told that it asks finds the question on its screen.
asks() { printf '\033]7501;state=blocked:app=script:kind=%s:msg=%s\033\\%s ' "$1" "$2" "$3"; }
permission() {
    asks permission "$(encoded "$1")" "May I $1?"
    IFS= read -r answer || exit 9
    report working
    [ "$answer" = y ]
}
ask() {
    asks question "$(encoded "$1")" "$1"
    IFS= read -r answer || exit 9
    report working
}
stty -echo
printf '\033[?2004hscripted agent ready\r\n'
report idle
prompt=
while IFS= read -r line; do
    prompt="$prompt$line
"
    case "$line" in *"$esc[201~"*) ;; *) continue ;; esac
    script=$(printf '%s' "$prompt" | sed "s/$esc\[20[01]~//g")
    prompt=
    printf 'working\r\n'
    report working
    eval "$script"
    printf 'finished\r\n'
    report done
done

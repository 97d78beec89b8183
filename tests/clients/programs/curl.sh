#!/bin/sh
# curl -F, --data-urlencode and --json, as the lines say.
text() { printf %s "$1" | base64 -d; }
escaped() { text "$1" | sed 's/[\\"]/\\&/g'; }
tab=$(printf '\t')
set -- "$1"
file=$1
shift
while IFS="$tab" read -r word first second third; do
    case "$word" in
        url) url=$(text "$first") ;;
        kind) kind=$first ;;
        json) json=$(text "$first") ;;
        field)
            case "$kind" in
                urlencoded) set -- "$@" --data-urlencode "$(text "$first")=$(text "$second")" ;;
                multipart) set -- "$@" --form-string "$(text "$first")=$(text "$second")" ;;
            esac ;;
        file) set -- "$@" -F "$(text "$first")=@\"$(escaped "$third")\"" ;;
    esac
done < "$file"
[ "$kind" = json ] && set -- -H "Content-Type: application/json" --data-binary "$json"
curl -s -S -o - -w '\n%{http_code}' "$@" "$url" | awk '{line[NR] = $0} END {print line[NR], line[1]}'

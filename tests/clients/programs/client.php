<?php
// The curl extension, as Guzzle and WordPress use it.
$kind = $url = $json = '';
$fields = $files = [];
foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) {
    $words = explode("\t", $line);
    if ($words[0] === 'kind') { $kind = $words[1]; continue; }
    $text = array_map('base64_decode', array_slice($words, 1));
    if ($words[0] === 'url') $url = $text[0];
    if ($words[0] === 'json') $json = $text[0];
    if ($words[0] === 'field') $fields[] = $text;
    if ($words[0] === 'file') $files[] = $text;
}
// PHP builds lists from an array: name[0], name[1].
$values = [];
foreach ($fields as [$name, $value]) {
    $name = preg_replace('/\[\]$/', '', $name);
    $values[$name] = isset($values[$name]) ? array_merge((array) $values[$name], [$value]) : $value;
}
$handle = curl_init($url);
if ($kind === 'json') {
    curl_setopt($handle, CURLOPT_POSTFIELDS, $json);
    curl_setopt($handle, CURLOPT_HTTPHEADER, ['Content-Type: application/json']);
} elseif ($kind === 'urlencoded') {
    curl_setopt($handle, CURLOPT_POSTFIELDS, http_build_query($values));
} else {
    $parts = [];
    foreach ($values as $name => $value) {
        if (!is_array($value)) { $parts[$name] = $value; continue; }
        foreach ($value as $index => $entry) $parts["{$name}[{$index}]"] = $entry;
    }
    foreach ($files as [$name, $filename, $path]) {
        $parts[$name] = new CURLFile($path, 'application/octet-stream', $filename);
    }
    curl_setopt($handle, CURLOPT_POSTFIELDS, $parts);
}
curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
$answer = curl_exec($handle);
echo curl_getinfo($handle, CURLINFO_RESPONSE_CODE), ' ', $answer === false ? curl_error($handle) : $answer, "\n";

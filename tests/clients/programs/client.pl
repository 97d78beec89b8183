#!/usr/bin/perl
# LWP::UserAgent with HTTP::Request::Common.
use strict;
use warnings;
use LWP::UserAgent;
use HTTP::Request::Common;
use MIME::Base64;

my ($kind, $url, $json, @fields, @files) = ('', '', '');
open(my $in, '<', $ARGV[0]) or die;
while (my $line = <$in>) {
    chomp $line;
    my ($word, @rest) = split /\t/, $line, -1;
    if ($word eq 'kind') { $kind = $rest[0]; next }
    @rest = map { decode_base64($_) } @rest;
    if ($word eq 'url') { $url = $rest[0] }
    elsif ($word eq 'json') { $json = $rest[0] }
    elsif ($word eq 'field') { push @fields, @rest }
    elsif ($word eq 'file') { push @files, $rest[0], [$rest[2], $rest[1]] }
}
my $agent = LWP::UserAgent->new;
my $answer =
      $kind eq 'json' ? $agent->post($url, 'Content-Type' => 'application/json', Content => $json)
    : $kind eq 'urlencoded' ? $agent->post($url, \@fields)
    :                         $agent->post($url, 'Content-Type' => 'form-data', Content => [@fields, @files]);
print $answer->code, ' ', $answer->content, "\n";

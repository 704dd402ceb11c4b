#!/usr/bin/env perl
# What customers met yesterday, read from the access log.
use strict;
use warnings;

my $slow_ms = $ENV{INPUT_SLOW_MS};
open my $log, '<', "$ENV{SIGNALBOX_FILES}/data/access.log" or die "access.log: $!\n";

my (%status, %slow, %failed, $requests);
while (my $line = <$log>) {
    my ($path, $status, $ms) = $line =~ m{"[A-Z]+ (\S+) HTTP/[\d.]+" (\d{3}) \d+ (\d+)$} or do {
        warn "line $. is not understood, passed over\n";
        next;
    };
    $requests++;
    $status{ substr($status, 0, 1) . 'xx' }++;
    $failed{$path}++ if $status >= 500;
    push @{ $slow{$path} }, $ms if $ms >= $slow_ms && $status < 500;
}
close $log;

printf "%d requests\n", $requests;
for my $class (sort keys %status) {
    my $colour = $class eq '5xx' ? "\e[31m" : $class eq '4xx' ? "\e[33m" : "\e[32m";
    printf "  %s%s\e[0m %5d  %s\n", $colour, $class, $status{$class}, '#' x (1 + 40 * $status{$class} / $requests);
}

open my $findings, '>', 'findings-requests.tsv' or die "findings-requests.tsv: $!\n";
for my $path (sort keys %failed) {
    print {$findings} "requests\t$path failed $failed{$path} times\n";
}
for my $path (sort { @{ $slow{$b} } <=> @{ $slow{$a} } } keys %slow) {
    my $times = @{ $slow{$path} };
    printf "  slower than %d ms: %3d times %s\n", $slow_ms, $times, $path;
    print {$findings} "requests\t$path was slow $times times\n" if $times >= 5;
}
close $findings;

open my $out, '>>', $ENV{SIGNALBOX_OUTPUT} or die "output: $!\n";
printf {$out} "requests=%d\nserver_errors=%d\n", $requests, $status{'5xx'} // 0;
close $out;

#!/usr/bin/env perl
# Fill a template for each delayed order. Nothing interprets a letter, so the values may stand in it as they are.
use strict;
use warnings;
use open qw(:std :encoding(UTF-8));
use Encode qw(decode_utf8);

my $files = $ENV{SIGNALBOX_FILES};
my %cause = (
    en => { supplier => 'our supplier is late', carrier => 'our carrier is on strike', weather => 'roads are closed by the weather' },
    de => { supplier => 'unser Lieferant ist im Verzug', carrier => 'unser Spediteur wird bestreikt', weather => 'das Wetter sperrt die Straßen' },
);
$cause{de}{weather} = decode_utf8($cause{de}{weather});
my $note = decode_utf8($ENV{INPUT_PERSONAL_NOTE} // '');

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$in>;
}

-d 'letters' or mkdir 'letters' or die "letters: $!\n";
my ($head, @lines) = split /\n/, slurp("$files/data/orders.csv");
my @columns = split /,/, $head;
my %written;
for my $line (@lines) {
    my %order;
    @order{@columns} = split /,/, $line;
    next unless $order{status} eq 'delayed';

    my $language = -e "$files/templates/delay.$order{language}.txt" ? $order{language} : 'en';
    my %value = (
        %order,
        days  => $ENV{INPUT_DAYS},
        cause => $cause{$language}{ $ENV{INPUT_CAUSE} },
        note  => $note eq '' ? '' : "\n$note\n",
    );
    my $letter = slurp("$files/templates/delay.$language.txt");
    # One pass: a value that looks like a placeholder is left alone.
    $letter =~ s/\{\{(\w+)\}\}/$value{$1} \/\/ die "no value for $1\n"/ge;

    open my $out, '>', "letters/$order{order}.txt" or die "letter: $!\n";
    print {$out} $letter;
    close $out;
    $written{$language}++;
    print $ENV{INPUT_SHOW_LETTERS} eq 'true' ? "----------------------------------------\n$letter" : "$order{order} $order{customer}\n";
}

open my $outputs, '>>', $ENV{SIGNALBOX_OUTPUT} or die "output: $!\n";
for my $language (sort keys %written) {
    print {$outputs} "letters_$language=$written{$language}\n";
}
close $outputs;

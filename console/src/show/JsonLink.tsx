/** The numbers behind what is shown, as the API has them. */
export function JsonLink({ to, of }: { to: string; of: string }) {
  return (
    <a className="sb-json-link" href={to} target="_blank" rel="noopener" aria-label={`JSON of ${of}`}>
      JSON
    </a>
  );
}

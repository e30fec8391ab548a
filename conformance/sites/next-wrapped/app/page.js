export default function Home() {
  return (
    <main>
      <h1>The family tree</h1>
      <p>A page for everybody.</p>
    </main>
  );
}

# words of a text counted by a pipeline
for i in 1 2 3 4 5; do echo "the cat and the dog and the bird"; done | tr ' ' '\n' | sort | uniq -c | sort -k1,1nr -k2

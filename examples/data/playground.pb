META
key;value
description;Projects of one neighbourhood
country;none
unit;neighbourhood
instance;1
num_projects;5
num_votes;8
budget;100
vote_type;approval
rule;greedy
PROJECTS
project_id;cost;name
swings;60;New swings
trees;36;Twelve trees
bench;15;A bench in the shade
lamps;45;Lamps along the path
court;40;A ball court
VOTES
voter_id;vote
1;swings,court
2;swings,court
3;swings,court,lamps
4;swings,court
5;swings,bench
6;trees,lamps
7;trees,lamps
8;trees,bench
